"""An answer under way: read until its content decides a race, then handed over with the rest still to come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from inspect import isasyncgen
from typing import Any

import httpx2

from harness.attempts import AttemptError
from harness.openai_adapter.events import EventReader
from harness.openai_adapter.retries import seconds_to_wait, worth_retrying
from harness.strategies import Played
from harness.strategies.played import limit_of
from harness.strategies.situation import NEVER
from harness.transport.question import Question, RefusedError


class Answer(httpx2.AsyncByteStream):
    """One attempt's response, and the body of what the caller gets when it wins.

    After `open` the rest is limited by the strategy's timers, seconds since the last content, since the attempt was
    sent at `sent_s` and since the request began at `start_s`, not counting time in which the caller did not read.
    """

    def __init__(
        self,
        request: httpx2.Request,
        response: httpx2.Response,
        question: Question,
        strategy: Played,
        *,
        start_s: float,
        sent_s: float,
    ) -> None:
        if not isinstance(response.stream, httpx2.AsyncByteStream):
            raise TypeError("an asynchronous transport answers with an asynchronous stream")
        self._request = request
        self._inner = response
        self._question = question
        self._reader = EventReader(response.headers, question.dialect)
        self._parts: AsyncIterator[bytes] = aiter(response.stream)
        self._read: deque[bytes] = deque()
        self._over = False
        self._closed = False
        self._clock = asyncio.get_running_loop().time
        self._idle_s, self._grace_s = limit_of(strategy.idle_timeout), strategy.grace_s
        whole = sent_s + limit_of(strategy.attempt_timeout)
        in_all = start_s + limit_of(strategy.total_timeout)
        self._end_s = min(whole, in_all)
        self._end_why = (
            f"no answer within {in_all - start_s:g} s in all"
            if in_all < whole
            else f"not done within {whole - sent_s:g} s"
        )
        self._content_s = self._left_s = self._clock()
        self._finished_s: float | None = None

    @property
    def response(self) -> httpx2.Response:
        """What the caller gets."""
        inner = self._inner
        return httpx2.Response(inner.status_code, headers=inner.headers, stream=self, extensions=inner.extensions)

    async def open(self) -> None:
        """Read until there is content, or to the end of what does not stream.

        Raises AttemptError for what is no answer, RefusedError if the caller may see it for want of a better one.
        """
        if self._inner.status_code >= 400:
            raise await self._status_error()
        if self._reader.readable:
            await self._open_stream()
            self._content_s = self._left_s = self._clock()
            return
        whole = await self._whole()
        if self._inner.status_code < 300:
            self._check(whole)

    async def _open_stream(self) -> None:
        reader, question = self._reader, self._question
        async for part in self._parts:
            self._read.append(part)
            found = reader.read(part)
            if reader.reports_error:
                raise self._refused("stream_error", "the stream carried an error")
            if not found and question.complete(reader):
                break
            # What turns out to be unreadable cannot be waited for.
            if found or not reader.readable:
                self._note(found)
                return
        else:
            self._over = True
            reader.read(b"\n")
            if not reader.finishes:
                raise AttemptError("truncated", "the stream ended without a finish reason")
        if not reader.contents:
            complaint = question.finish_complaint(reader)
            if complaint is not None:
                raise self._refused("stream_error", complaint)
        self._note(reader.contents)

    async def _whole(self) -> httpx2.Response:
        """The whole answer, its connection let go."""
        async for part in self._parts:
            self._read.append(part)
        self._over = True
        await self.aclose()
        return self._replayed()

    def _replayed(self, more: bytes = b"") -> httpx2.Response:
        inner = self._inner
        return httpx2.Response(
            inner.status_code,
            headers=inner.headers,
            stream=httpx2.ByteStream(b"".join(self._read) + more),
            extensions=inner.extensions,
        )

    async def _status_error(self) -> RefusedError:
        response = await self._whole()
        data = self._json()
        error = data.get("error") if isinstance(data, dict) else None
        code = error.get("code") if isinstance(error, dict) else None
        return RefusedError(
            response,
            "status_error",
            f"HTTP {response.status_code}",
            retryable=worth_retrying(response.status_code, response.headers, code),
            retry_after_s=seconds_to_wait(response.headers),
        )

    def _check(self, whole: httpx2.Response) -> None:
        data = self._json()
        if data is None:
            raise AttemptError("stream_error", "the answer was not JSON")
        complaint = self._question.complaint(data)
        if complaint is not None:
            raise RefusedError(whole, "stream_error", complaint)

    def _json(self) -> Any:
        """The decoded body; None when it is no JSON."""
        headers = {"content-encoding": self._inner.headers.get("content-encoding", "identity")}
        try:
            return httpx2.Response(200, headers=headers, content=b"".join(self._read)).json()
        except (ValueError, RecursionError, httpx2.DecodingError):
            return None

    def _refused(self, outcome: str, text: str) -> RefusedError:
        # The event that says so must be whole for the caller to see it; packed bytes have to be taken as they are.
        packed = self._inner.headers.get("content-encoding", "identity") != "identity"
        return RefusedError(self._replayed(b"" if packed else b"\n\n"), outcome, text)

    # -- after it has won

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            while self._read:
                yield self._read.popleft()
            if not await self._more():
                return

    async def _more(self) -> bool:
        """Read the next part within the limits; False at the end. Raises httpx2.ReadTimeout, or what reading raises."""
        if self._over:
            return False
        self._caller_was_away()
        limit_s, why = self._limit()
        try:
            async with asyncio.timeout_at(None if limit_s == NEVER else limit_s) as scope:
                part = await anext(self._parts, None)
        except TimeoutError:
            if not scope.expired():
                raise
            self._over = True
            await self.aclose()
            if self._finished_s is not None:
                return False
            raise httpx2.ReadTimeout(why, request=self._request) from None
        if part is None:
            self._over = True
            self._check_end()
            return False
        self._read.append(part)
        self._note(self._reader.read(part))
        self._left_s = self._clock()
        return True

    def _note(self, found: int) -> None:
        now = self._clock()
        # Of what cannot be read, every part may be content.
        if found or not self._reader.readable:
            self._content_s = now
        if self._finished_s is None and self._question.complete(self._reader):
            self._finished_s = now

    def _limit(self) -> tuple[float, str]:
        """Until when to wait for the next part, and why not longer."""
        if self._finished_s is not None:
            return self._finished_s + self._grace_s, ""
        if self._content_s + self._idle_s <= self._end_s:
            return self._content_s + self._idle_s, f"no content for {self._idle_s:g} s"
        return self._end_s, self._end_why

    def _caller_was_away(self) -> None:
        """A caller who takes his time must not make the server look slow."""
        away = self._clock() - self._left_s
        self._content_s += away
        self._end_s += away
        if self._finished_s is not None:
            self._finished_s += away

    def _check_end(self) -> None:
        reader = self._reader
        reader.read(b"\n")
        if reader.readable and not reader.finishes and not reader.reports_error:
            raise httpx2.RemoteProtocolError("the stream ended without a finish reason", request=self._request)

    async def aclose(self) -> None:
        """Let go of the connection; what was read of a plain answer remains."""
        if self._closed:
            return
        self._closed = True
        if isasyncgen(self._parts):
            # Another task may be reading; then closing the response is what ends it.
            with suppress(RuntimeError):
                await self._parts.aclose()
        await self._inner.aclose()
