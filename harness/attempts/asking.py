"""Ask for one chat completion under any strategy, for programs that want answers and not records."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx2
from openai import AsyncOpenAI, DefaultAsyncHttpxClient
from tenacity import RetryError

from harness.attempts.chat import as_sdk_error, chat_player
from harness.attempts.player import GivenUpError
from harness.attempts.published import complete
from harness.messages import StreamedMessage
from harness.openai_adapter import limits
from harness.strategies import Memory, Played, Sdk, Strategy

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion


class Clients(NamedTuple):
    """The SDK's clients that a strategy needs: `fresh` is for retries that must not use a pooled connection."""

    usual: AsyncOpenAI
    fresh: AsyncOpenAI | None


@asynccontextmanager
async def clients_for(
    strategy: Strategy, settings: Mapping[str, Any], http_client: Callable[[], httpx2.AsyncClient] | None = None
) -> AsyncIterator[Clients]:
    """Clients with the SDK's `settings`, closed at the end; the strategy's limits apply to the default HTTP client."""
    async with AsyncExitStack() as stack:

        async def opened(**changed: int | None) -> AsyncOpenAI:
            chosen = http_client() if http_client is not None else None
            if changed:
                chosen = DefaultAsyncHttpxClient(limits=limits(changed))
            return await stack.enter_async_context(AsyncOpenAI(**settings, http_client=chosen))

        usual = await opened(**strategy.pool)
        none_kept = strategy.pool | {"max_keepalive_connections": 0}
        fresh = await opened(**none_kept) if strategy.needs_fresh_connections else None
        yield Clients(usual, fresh)


async def ask(
    clients: Clients, arguments: Mapping[str, Any], strategy: Strategy, memory: Memory, *, seed: int = 0, key: str = ""
) -> ChatCompletion | StreamedMessage:
    """The SDK's completion, or the streamed message when the strategy or the arguments say `stream`.

    Raises what the SDK would: openai.OpenAIError of the last attempt.
    """
    if isinstance(strategy, Sdk):
        settings = {**arguments, **strategy.call_arguments()}
        try:
            return await complete(clients.usual, settings, tenacity_attempts=strategy.tenacity_attempts)
        except RetryError as error:
            failure = error.last_attempt.exception() or error
        raise failure
    if not isinstance(strategy, Played):
        raise TypeError(f"nobody plays strategies of the kind {type(strategy).__name__}")
    player = chat_player(clients.usual, arguments, strategy, memory, fresh=clients.fresh, seed=seed, key=key)
    try:
        return await player.run()
    except GivenUpError as error:
        given_up = as_sdk_error(error, clients.usual)
    raise given_up
