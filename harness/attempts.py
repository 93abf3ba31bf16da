"""Play one request under a strategy: the only place that makes, repeats and abandons attempts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tenacity import AsyncRetrying, RetryCallState, RetryError, stop_after_attempt

from harness.messages import StreamedMessage
from harness.openai_adapter import Endpoint, Trace, current_trace
from harness.records import Outcome, Request
from harness.strategies import Strategy

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
        async for chunk in stream:
            message.add(chunk)
    return message


class Play:
    """One request being played, and the record that it leaves."""

    def __init__(
        self,
        client: AsyncOpenAI,
        request: Request,
        strategy: Strategy,
        endpoint: Endpoint,
        *,
        origin: float,
        **place: Any,
    ) -> None:
        """`origin` is the start of the trial in seconds on the loop's clock; `place` names the record."""
        self._client = client
        self._strategy = strategy
        self._endpoint = endpoint
        self._request = request
        self._place = place
        self._origin = origin
        self._trace = Trace(request.key)
        self._clock = asyncio.get_running_loop().time
        self._start = self._clock()

    async def run(self) -> Outcome:
        """Play the request to its end. A failure is an outcome; only cancellation raises."""
        current_trace.set(self._trace)
        try:
            answer = await complete(self._client, self._arguments(), tenacity_attempts=self._strategy.tenacity_attempts)
        except Exception as error:
            return self._failed(error)
        return self._answered(answer)

    def unfinished(self) -> Outcome:
        """The record of a request that was cut short by a limit: its time is a lower bound."""
        return self._outcome("unfinished", error="still under way at batch_limit_s")

    def _arguments(self) -> dict[str, Any]:
        arguments: dict[str, Any] = {"model": self._endpoint.model, "messages": self._request.messages}
        if self._request.max_tokens is not None:
            arguments["max_tokens"] = self._request.max_tokens
        return arguments | self._strategy.call_arguments()

    def _answered(self, answer: ChatCompletion | StreamedMessage) -> Outcome:
        if isinstance(answer, StreamedMessage):
            finish = answer.finish_reason
            counted = _completion_tokens(answer.usage)
            tokens = answer.content_chunks if counted is None else counted
            if finish is None:
                error = "the stream ended without a finish reason"
                return self._outcome("truncated", tokens=tokens, error=error)
            return self._outcome("ok", tokens=tokens, finish_reason=finish)
        # The SDK builds its models from any JSON, so an answer's type promises nothing about its fields.
        choices = getattr(answer, "choices", None)
        first = choices[0] if isinstance(choices, list) and choices else None
        if getattr(first, "message", None) is None:
            return self._outcome("stream_error", error="the answer was not a chat completion")
        tokens = _completion_tokens(answer.usage) or 0
        return self._outcome("ok", tokens=tokens, finish_reason=getattr(first, "finish_reason", None))

    def _failed(self, error: Exception) -> Outcome:
        last = error.last_attempt.exception() if isinstance(error, RetryError) else error
        recordings = self._trace.recordings
        outcome = recordings[-1].outcome if recordings else "connection_error"
        # What arrives whole, or is closed by the SDK itself, was something that it could not read.
        return self._outcome(
            "stream_error" if outcome in {"ok", "cancelled", ""} else outcome, error=type(last).__name__
        )

    def _outcome(
        self, outcome: str, *, tokens: int = 0, finish_reason: str | None = None, error: str | None = None
    ) -> Outcome:
        now = self._clock()
        return Outcome(
            **self._place,
            request=self._request.index,
            outcome=outcome,
            start_s=round(self._start - self._origin, 9),
            end_s=round(now - self._origin, 9),
            tokens=tokens,
            finish_reason=finish_reason,
            error=error,
            attempts=self._trace.attempts(self._origin, now),
        )


def _completion_tokens(usage: Any) -> int | None:
    """The tokens that a server says it has generated; None when it does not say."""
    counted = getattr(usage, "completion_tokens", None)
    return counted if isinstance(counted, int) else None
