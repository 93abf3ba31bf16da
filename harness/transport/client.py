"""An HTTP client for the openai SDK whose requests are played under a strategy."""

from __future__ import annotations

from typing import Any

import httpx2
from openai import DefaultAsyncHttpxClient

from harness.errors import UserError
from harness.strategies import Played, Strategy
from harness.transport.strategy import StrategyTransport, playable


def http_client(strategy: str | Strategy = "adaptive", **client_settings: Any) -> httpx2.AsyncClient:
    """A client for `openai.AsyncOpenAI(http_client=..., max_retries=0)`; the SDK's retries would multiply its own.

    `strategy` is a name of `harness list` or an object; `client_settings` are those of `httpx2.AsyncClient`, with the
    SDK's defaults. What the strategy learns and what is left of its budgets belongs to the client, over its life.
    Raises UserError for a strategy that does not exist or cannot be played here.
    """
    return _StrategyClient(playable(strategy), **client_settings)


class _StrategyClient(DefaultAsyncHttpxClient):
    """Wraps each transport that the base class makes or is given, proxies included."""

    def __init__(self, strategy: Played, **settings: Any) -> None:
        self._strategy = strategy
        self._memory = strategy.memory()
        if strategy.pool:
            settings.setdefault("limits", httpx2.Limits(**strategy.pool))
        given = settings.get("transport") is not None or settings.get("mounts")
        if strategy.needs_fresh_connections and given:
            raise UserError(
                f"strategy '{strategy.name}' needs connections of its own for retries: leave transport and mounts out, "
                "or build a StrategyTransport with `fresh`"
            )
        if settings.get("mounts"):
            settings["mounts"] = {
                pattern: None if transport is None else self._wrapped(transport)
                for pattern, transport in settings["mounts"].items()
            }
        super().__init__(**settings)

    def _init_transport(self, *arguments: Any, **settings: Any) -> httpx2.AsyncBaseTransport:
        return self._wrapped(
            super()._init_transport(*arguments, **settings),
            self._fresh(super()._init_transport, *arguments, **settings),
        )

    def _init_proxy_transport(self, *arguments: Any, **settings: Any) -> httpx2.AsyncBaseTransport:
        return self._wrapped(
            super()._init_proxy_transport(*arguments, **settings),
            self._fresh(super()._init_proxy_transport, *arguments, **settings),
        )

    def _fresh(self, make: Any, *arguments: Any, **settings: Any) -> httpx2.AsyncBaseTransport | None:
        if not self._strategy.needs_fresh_connections:
            return None
        limits = httpx2.Limits(max_connections=settings["limits"].max_connections, max_keepalive_connections=0)
        made: httpx2.AsyncBaseTransport = make(*arguments, **settings | {"limits": limits})
        return made

    def _wrapped(
        self, inner: httpx2.AsyncBaseTransport, fresh: httpx2.AsyncBaseTransport | None = None
    ) -> StrategyTransport:
        return StrategyTransport(self._strategy, inner, fresh=fresh, memory=self._memory)
