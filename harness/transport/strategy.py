"""A transport that plays requests for answers under a strategy, and passes everything else through."""

from __future__ import annotations

from typing import Any

import httpx2
from openai._constants import DEFAULT_CONNECTION_LIMITS

from harness.attempts import AttemptError, GivenUpError, Live, Player
from harness.draws import unique_name
from harness.errors import UserError
from harness.openai_adapter.events import ENCODINGS
from harness.presets import played_strategy
from harness.strategies import Memory, Played, Strategy
from harness.strategies.played import limit_of
from harness.strategies.situation import NEVER
from harness.transport.answer import Answer
from harness.transport.question import Question, RefusedError, dialect_of, question_of


class StrategyTransport(httpx2.AsyncBaseTransport):
    """Plays each POST to .../chat/completions, .../completions and .../responses; asyncio only.

    `strategy` is a name or an object, `inner` sends the attempts (by default httpx2's own transport with the SDK's
    limits), `fresh` those that must not use a pooled connection. All requests share `memory`, a new one by default.
    The answer that first has content wins; a plain answer has its content when it is whole. What loses is cancelled.
    The caller gets the last error response when all attempts ended in one; other failures raise httpx2.ReadTimeout,
    RemoteProtocolError, or what the last attempt raised. Timeouts of a request are not looked at, the strategy's are.

    Raises UserError for an unknown strategy, one of the SDK's, and what needs more than this can give.
    """

    def __init__(
        self,
        strategy: str | Strategy,
        inner: httpx2.AsyncBaseTransport | None = None,
        *,
        fresh: httpx2.AsyncBaseTransport | None = None,
        memory: Memory | None = None,
    ) -> None:
        self._strategy = playable(strategy)
        if self._strategy.needs_fresh_connections and fresh is None:
            if inner is not None:
                raise UserError(
                    f"strategy '{self._strategy.name}' needs a transport without pooled connections: give it as `fresh`"
                )
            fresh = httpx2.AsyncHTTPTransport(limits=httpx2.Limits(max_keepalive_connections=0))
        self._inner = inner or httpx2.AsyncHTTPTransport(limits=DEFAULT_CONNECTION_LIMITS)
        self._fresh = fresh
        self._memory = memory or self._strategy.memory()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Play one request, or pass it through."""
        if dialect_of(request) is None:
            return await self._inner.handle_async_request(request)
        question = question_of(request, await request.aread())
        if question is None:
            return await self._inner.handle_async_request(request)
        # Without batches there is nothing to remember of how long the requests of one took.
        self._memory.release(0)
        race = _Race(
            request,
            question,
            strategy=self._strategy,
            memory=self._memory,
            inner=self._inner,
            fresh=self._fresh or self._inner,
        )
        return await race.run()

    async def aclose(self) -> None:
        """Close the transports that it sends with."""
        await self._inner.aclose()
        if self._fresh is not None:
            await self._fresh.aclose()


def playable(strategy: str | Strategy) -> Played:
    """The strategy, if it can be played request by request. Raises UserError."""
    found = played_strategy(strategy)
    if found.wake_at is not None:
        raise UserError(
            f"strategy '{found.name}' copies what a batch leaves behind, and an HTTP client knows no batches: "
            "use Llm, or a strategy like hedge_2"
        )
    return found


class _Race:
    """One request: its attempts, and the answers that they have opened."""

    def __init__(
        self,
        request: httpx2.Request,
        question: Question,
        *,
        strategy: Played,
        memory: Memory,
        inner: httpx2.AsyncBaseTransport,
        fresh: httpx2.AsyncBaseTransport,
    ) -> None:
        self._request = request
        self._question = question
        self._strategy = strategy
        self._inner = inner
        self._fresh = fresh
        self._answers: list[Answer] = []
        self._player: Player[Answer] = Player(strategy, memory, self._attempt, judged, key=unique_name())

    async def run(self) -> httpx2.Response:
        """The response of the attempt that won, the rest of its body still to come."""
        winner = None
        try:
            winner = await self._player.run()
            await self._close(but=winner)
            return winner.response
        except GivenUpError as error:
            given_up = error
        except BaseException:
            # An answer that has won belongs to nobody until it is handed over.
            await self._close()
            raise
        await self._close()
        return self._lost(given_up)

    async def _close(self, *, but: Answer | None = None) -> None:
        for answer in self._answers:
            if answer is not but:
                await answer.aclose()

    def _lost(self, error: GivenUpError) -> httpx2.Response:
        """What the caller gets when no attempt brought an answer."""
        cause = error.__cause__
        if isinstance(cause, RefusedError):
            return cause.response
        if isinstance(cause, AttemptError):
            raise httpx2.RemoteProtocolError(str(cause), request=self._request) from error
        if cause is not None:
            raise cause
        raise httpx2.ReadTimeout(str(error), request=self._request) from error

    async def _attempt(self, live: Live[Answer]) -> Answer:
        asked = self._fresh if live.kind == "retry" else self._inner
        response = await asked.handle_async_request(self._copy())
        live.headers()
        start_s = self._player.attempts[0].sent_s
        answer = Answer(
            self._request, response, self._question, self._strategy, start_s=start_s, sent_s=live.seen.sent_s
        )
        self._answers.append(answer)
        try:
            await answer.open()
        except BaseException:
            await answer.aclose()
            raise
        # Nothing may be awaited from here on: with its content the answer has won, and must be there to be taken.
        live.content()
        return answer

    def _copy(self) -> httpx2.Request:
        """The request once more, its timers off but for that of the connection, which only the transport can see."""
        original = self._request
        connect = limit_of(self._strategy.connect_timeout)
        timeout: dict[str, Any] = {"connect": None if connect == NEVER else connect}
        timeout |= dict.fromkeys(("read", "write", "pool"))
        copy = httpx2.Request(
            original.method,
            original.url,
            headers=[header for header in original.headers.raw if header[0].lower() != b"transfer-encoding"],
            content=original.content,
            extensions={**original.extensions, "timeout": timeout},
        )
        if copy.headers.get("accept-encoding") != "identity":
            copy.headers["accept-encoding"] = ENCODINGS
        return copy


def judged(error: Exception) -> AttemptError:
    """What an exception of an attempt means: its outcome, and whether to ask again."""
    if isinstance(error, AttemptError):
        return error
    text = type(error).__name__
    if isinstance(error, httpx2.TimeoutException):
        return AttemptError("timeout", text)
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.LocalProtocolError):
        return AttemptError("connection_error", text, retryable=False)
    if isinstance(error, httpx2.TransportError):
        return AttemptError("connection_error", text)
    # What is no matter of the server at all is a mistake in the call.
    return AttemptError("stream_error", text, retryable=isinstance(error, httpx2.StreamError | httpx2.DecodingError))
