"""Play one request of a run under its strategy, and keep the record that it leaves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tenacity import RetryError

from harness.attempts.chat import chat_player
from harness.attempts.player import GivenUpError
from harness.attempts.published import complete
from harness.messages import StreamedMessage
from harness.openai_adapter import Endpoint, Trace, current_trace
from harness.records import Outcome, Request
from harness.strategies import Memory, Played, Sdk, Strategy

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletion


#: More than this nobody generates, and no table of whole numbers need hold.
_MOST_TOKENS = 10**12


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
        wanted: float | None = None,
        memory: Memory | None = None,
        fresh: AsyncOpenAI | None = None,
        **place: Any,
    ) -> None:
        """`origin` is the start of the trial in seconds on the loop's clock, and `wanted` the instant from which the
        request's time counts, if that is not now; `place` names the record.

        `memory` is what the requests of one trial share. Retries go to `fresh`, if it is given.
        """
        self._client = client
        self._memory = memory or Memory()
        self._fresh = fresh
        self._winner: int | None = None
        self._strategy = strategy
        self._endpoint = endpoint
        self.request = request
        self._place = place
        self._origin = origin
        self._trace = Trace(request.key)
        self._clock = asyncio.get_running_loop().time
        self._released = self._clock()
        self._start = self._released if wanted is None else wanted

    async def run(self) -> Outcome:
        """Play the request to its end. A failure is an outcome; only cancellation raises."""
        current_trace.set(self._trace)
        try:
            return self._answered(await self._ask())
        except Exception as error:
            return self._failed(error)

    async def _ask(self) -> ChatCompletion | StreamedMessage:
        strategy = self._strategy
        if isinstance(strategy, Sdk):
            arguments = self._arguments() | strategy.call_arguments()
            return await complete(self._client, arguments, tenacity_attempts=strategy.tenacity_attempts)
        if not isinstance(strategy, Played):
            raise TypeError(f"nobody plays strategies of the kind {type(strategy).__name__}")
        player = chat_player(
            self._client,
            self._arguments(),
            strategy,
            self._memory,
            fresh=self._fresh,
            seed=self._endpoint.seed,
            key=self.request.key,
        )
        try:
            return await player.run()
        finally:
            self._winner = None if player.winner is None else self._trace.number_of(player.winner)

    def unfinished(self) -> Outcome:
        """The record of a request that was cut short by a limit: its time is a lower bound."""
        return self._outcome("unfinished", error="still under way at batch_limit_s")

    def _arguments(self) -> dict[str, Any]:
        arguments: dict[str, Any] = {"model": self._endpoint.model, "messages": self.request.messages}
        # Only the mock is told how long its answer is to be; an API decides that itself.
        limit = self.request.mock_tokens if self._endpoint.is_mock else self.request.max_tokens
        if limit is not None:
            arguments["max_tokens"] = limit
        return arguments

    def _answered(self, answer: ChatCompletion | StreamedMessage) -> Outcome:
        if isinstance(answer, StreamedMessage):
            finish = answer.finish_reason
            counted = _completion_tokens(answer.usage)
            tokens = answer.content_chunks if counted is None else counted
            if not answer.whole:
                error = "the stream ended without a finish reason"
                return self._outcome("truncated", tokens=tokens, error=error)
            return self._outcome("ok", tokens=tokens, finish_reason=_reason(finish))
        # The SDK builds its models from any JSON, so an answer's type promises nothing about its fields.
        choices = getattr(answer, "choices", None)
        first = choices[0] if isinstance(choices, list) and choices else None
        if getattr(first, "message", None) is None:
            return self._outcome("stream_error", error="the answer was not a chat completion")
        tokens = _completion_tokens(answer.usage) or 0
        return self._outcome("ok", tokens=tokens, finish_reason=_reason(getattr(first, "finish_reason", None)))

    def _failed(self, error: Exception) -> Outcome:
        if isinstance(error, GivenUpError):
            return self._outcome(error.outcome, error=str(error))
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
        start_s = round(self._start - self._origin, 9)
        released_s = round(self._released - self._origin, 9)
        return Outcome(
            **self._place,
            request=self.request.index,
            outcome=outcome,
            start_s=start_s,
            end_s=round(now - self._origin, 9),
            tokens=tokens,
            finish_reason=finish_reason,
            error=error,
            winner=self._winner,
            attempts=self._trace.attempts(self._origin, now),
            released_s=None if released_s == start_s else released_s,
        )


def _completion_tokens(usage: Any) -> int | None:
    """The tokens that a server says it has generated; None when it does not say."""
    counted = getattr(usage, "completion_tokens", None)
    if not isinstance(counted, int) or isinstance(counted, bool):
        return None
    return counted if 0 <= counted <= _MOST_TOKENS else None


def _reason(said: Any) -> str | None:
    """Why an answer ended, where a server says it in a text; halves of characters, which no file can hold, are "?"."""
    return said.encode(errors="replace").decode() if isinstance(said, str) else None
