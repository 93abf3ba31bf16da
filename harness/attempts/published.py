"""The published evaluation's way to ask: the SDK's own retries, and tenacity around them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tenacity import AsyncRetrying, RetryCallState, stop_after_attempt

from harness.messages import StreamedMessage
from harness.openai_adapter import watched

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletion

logger = logging.getLogger("harness")


def log_retry(state: RetryCallState) -> None:
    """Tenacity's `after` hook: log function, attempt number and outcome of a failed attempt at level INFO."""
    name = getattr(state.fn, "__name__", "request")
    failure = state.outcome.exception() if state.outcome is not None else None
    logger.info("%s: attempt %d ended with %s", name, state.attempt_number, failure.__class__.__name__)


async def complete(
    client: AsyncOpenAI, arguments: Mapping[str, Any], *, tenacity_attempts: int
) -> ChatCompletion | StreamedMessage:
    """Ask for one chat completion, up to `tenacity_attempts` times, reading its stream included.

    Returns the SDK's completion, or with `stream=True` the streamed message. Every failed attempt is followed by the
    next one at once, whatever the exception. Raises tenacity.RetryError from the last failure.
    """
    retrying = AsyncRetrying(stop=stop_after_attempt(tenacity_attempts), after=log_retry)
    return await retrying(_request, client, arguments)


async def _request(client: AsyncOpenAI, arguments: Mapping[str, Any]) -> ChatCompletion | StreamedMessage:
    answer = await client.chat.completions.create(**arguments)
    if not arguments.get("stream"):
        return answer  # type: ignore[no-any-return]  # without `stream` the SDK returns a completion
    message = StreamedMessage()
    async with answer as stream:
        ending = watched(stream)
        async for chunk in stream:
            message.add(chunk)
    message.done = ending.done
    return message
