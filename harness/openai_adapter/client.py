"""Clients of the real SDK for one endpoint, with or without a network in between."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import httpx2
from openai import AsyncOpenAI
from openai._base_client import get_platform
from openai._constants import DEFAULT_CONNECTION_LIMITS, DEFAULT_TIMEOUT

from harness.openai_adapter.aio import aiohttp_transport
from harness.openai_adapter.direct import DirectTransport
from harness.openai_adapter.events import ENCODINGS
from harness.openai_adapter.http1 import AsyncioTransport
from harness.openai_adapter.keyed import KeyedClient, LeanClient
from harness.openai_adapter.trace import STAMPED, Recording, current_recording, current_trace
from harness.openai_adapter.wire import wire
from harness.wire import App


@dataclass(frozen=True)
class Endpoint:
    """Where requests go. With `app` they go straight to an application in this loop; `scope` and `seed` are for the
    mock alone. `time_scale` multiplies the SDK's back-off, as it does profiles and timeouts elsewhere.
    """

    base_url: str
    api_key: str = field(repr=False)
    model: str
    is_mock: bool
    app: App | None = None
    scope: str = ""
    seed: int = 0
    time_scale: float = 1.0

    def over_network(self, base_url: str) -> Endpoint:
        """The same server, reached through the loop's sockets."""
        return replace(self, base_url=base_url, app=None)


class RecordingClient(httpx2.AsyncClient):
    """An HTTP client that writes every attempt of a traced request into its trace."""

    def __init__(self, *, names_requests: bool = False, **settings: Any) -> None:
        super().__init__(**settings)
        self.headers["Accept-Encoding"] = ENCODINGS
        # Only the mock is told which request an attempt belongs to; a real API never is.
        self._names_requests = names_requests

    async def send(self, request: httpx2.Request, *, stream: bool = False, **settings: Any) -> httpx2.Response:
        """Send as the base class does, noting when the headers, each part of the body and the end came."""
        trace = current_trace.get()
        if trace is None:
            return await super().send(request, stream=stream, **settings)
        if self._names_requests:
            request.headers["X-Harness-Request"] = trace.key
        clock = asyncio.get_running_loop().time
        recording = trace.begin(clock())
        current_recording.set(recording)
        if not getattr(asyncio.get_running_loop(), "is_virtual", False):
            # In virtual time nothing takes time but what the server does.
            request.extensions = {**request.extensions, "trace": wire(recording, clock)}
        try:
            response = await super().send(request, stream=True, **settings)
        except BaseException as error:
            recording.failed(error, clock())
            raise
        recording.answered(response, clock())
        if not isinstance(response.stream, httpx2.AsyncByteStream):
            raise TypeError("an asynchronous client answers with an asynchronous stream")
        if not response.extensions.get(STAMPED):
            response.stream = _RecordedStream(response.stream, recording)
        if not stream:
            try:
                await response.aread()
            except BaseException:
                await response.aclose()
                raise
        return response


class _RecordedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, recording: Recording) -> None:
        self._inner = inner
        self._recording = recording
        self._clock = asyncio.get_running_loop().time

    async def __aiter__(self) -> AsyncIterator[bytes]:
        recording, clock = self._recording, self._clock
        try:
            async for part in self._inner:
                recording.received(part, clock())
                yield part
        except BaseException as error:
            recording.failed(error, clock())
            raise
        recording.ended(clock(), exhausted=True)

    async def aclose(self) -> None:
        self._recording.ended(self._clock(), exhausted=False)
        await self._inner.aclose()


def open_client(
    endpoint: Endpoint,
    *,
    max_retries: int,
    pool: Mapping[str, int | None] | None = None,
    reuse: bool = True,
    transport: str = "httpx2",
    models: bool = False,
) -> AsyncOpenAI:
    """A fresh SDK client for an endpoint; close it, or use it as an asynchronous context manager.

    `pool` changes the SDK's limits of connections, by their names in httpx2; without `reuse` each request has one of
    its own. They are made by `transport` (httpx2, aiohttp or asyncio), unless requests go straight to an application.
    With `models` the SDK builds its models of all that is streamed, as it does in production.
    """
    client = (KeyedClient if models else LeanClient)(
        api_key=endpoint.api_key,
        base_url=endpoint.base_url,
        max_retries=max_retries,
        http_client=_http_client(endpoint, limits(pool or {}, reuse=reuse), reuse=reuse, transport=transport),
    )
    client.endpoint = endpoint
    if endpoint.is_mock:
        # The SDK read them from the environment, for its own API; empty strings would be sent as empty headers.
        client.organization = client.project = None
    # The SDK would find this out in a thread, which virtual time cannot wait for.
    client._platform = _platform()
    return client


def limits(pool: Mapping[str, int | None], *, reuse: bool = True) -> httpx2.Limits:
    """The SDK's limits of connections with some changed, by their names in httpx2; without `reuse` none is kept."""
    default = DEFAULT_CONNECTION_LIMITS
    values: dict[str, Any] = {
        "max_connections": default.max_connections,
        "max_keepalive_connections": default.max_keepalive_connections,
        "keepalive_expiry": default.keepalive_expiry,
    }
    return httpx2.Limits(**values | dict(pool) | ({} if reuse else {"max_keepalive_connections": 0}))


def _http_client(endpoint: Endpoint, limits: httpx2.Limits, *, reuse: bool, transport: str) -> RecordingClient:
    settings: dict[str, Any] = {"timeout": DEFAULT_TIMEOUT, "follow_redirects": True}
    if endpoint.app is None and transport == "aiohttp":
        # Proxies of the environment are for real APIs alone.
        settings["transport"] = aiohttp_transport(limits, _tls_context(), reuse=reuse, proxies=not endpoint.is_mock)
    elif endpoint.app is None and transport == "asyncio":
        kept = _without_expiry(limits) if endpoint.is_mock else limits
        settings["transport"] = AsyncioTransport(kept, _tls_context(), reuse=reuse)
    if not endpoint.is_mock:
        return RecordingClient(verify=_tls_context(), limits=limits, **settings)
    headers = {"X-Harness-Scope": endpoint.scope, "X-Harness-Seed": str(endpoint.seed)}
    # A proxy of the environment must never catch what is meant for the mock.
    settings |= {"trust_env": False, "names_requests": True, "headers": headers}
    if endpoint.app is not None:
        return RecordingClient(transport=DirectTransport(endpoint.app, reuse=reuse), **settings)
    # Idle connections do not expire: httpcore would measure their age in real time, even in virtual time.
    return RecordingClient(verify=_tls_context(), limits=_without_expiry(limits), **settings)


def _without_expiry(limits: httpx2.Limits) -> httpx2.Limits:
    """The same limits for connections that may stay idle for ever."""
    return httpx2.Limits(
        max_connections=limits.max_connections,
        max_keepalive_connections=limits.max_keepalive_connections,
        keepalive_expiry=None,
    )


@cache
def _tls_context() -> ssl.SSLContext:
    """One for the process: loading the certificates takes 20 ms, and a client is made for every batch."""
    return httpx2.create_ssl_context()


_platform = cache(get_platform)
