"""What one request's HTTP attempts did, written down while they do it."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Protocol

import httpx2

from harness.openai_adapter.events import EventReader, is_broken
from harness.records import Attempt, Kind, rounded


class Mark(Protocol):
    """What whoever begins an attempt says of it: its kind, and later why a timer of his ended it, if one did."""

    given_up: str | None

    @property
    def kind(self) -> Kind:
        """What kind of attempt it is."""

    def content_at(self, instant: float) -> None:
        """Content came in at an instant of the loop's clock, however much later it is read."""


class Recording:
    """One attempt under way; instants in seconds on the running loop's clock."""

    def __init__(self, number: int, now: float, mark: Mark | None = None) -> None:
        self.number = number
        self.mark = mark
        self.tokens = 0
        self.send = now
        self.admitted: float | None = None
        self.connected: float | None = None
        self.written: float | None = None
        self.first_byte: float | None = None
        self.headers: float | None = None
        self.first_content: float | None = None
        self.last_content: float | None = None
        self.end: float | None = None
        self.outcome = ""
        self.error: str | None = None
        self.status: int | None = None
        self.request_id: str | None = None
        self.bytes = 0
        self._events: EventReader | None = None

    def answered(self, response: httpx2.Response, now: float) -> None:
        """The headers are there, as far as its reader knows; a transport that stamps has said so before."""
        if self.headers is None:
            self.head(response.status_code, response.headers, now)

    def head(self, status: int, headers: httpx2.Headers, now: float) -> None:
        """The headers are there."""
        self.headers = now
        self.status = status
        self.request_id = headers.get("x-request-id")
        self._events = EventReader(headers)

    def received(self, part: bytes, now: float) -> None:
        """Bytes of the body are there."""
        self.bytes += len(part)
        if self._events is not None and self._events.read(part):
            self._has_content(now)

    def _has_content(self, now: float) -> None:
        if self._events is not None:
            self.tokens = self._events.contents
        self.last_content = now
        if self.first_content is None:
            self.first_content = now

    def stamped(self, part: bytes, now: float) -> bool:
        """As `received`, long before they are read; whether they hold anything but more content.

        The attempt's timers hear of content at once.
        """
        events, tokens = self._events, self.tokens
        if events is None:
            return True
        ends = len(events.finishes)
        self.received(part, now)
        if self.mark is not None and self.tokens > tokens:
            self.mark.content_at(now)
        return not events.readable or events.reports_error or len(events.finishes) > ends or is_broken(events.lines)

    def ended(self, now: float, *, exhausted: bool) -> None:
        """The body was read to its end, or closed by the client before that."""
        if self.end is not None:
            return
        events = self._events
        if exhausted and events is not None and events.finish():
            self._has_content(now)
        if self.status is not None and self.status >= 400:
            self._close(now, "status_error", f"HTTP {self.status}")
        elif events is not None and events.reports_error:
            self._close(now, "stream_error", "the stream carried an error")
        elif exhausted and not (events is not None and events.readable):
            # Timed by its end: a plain answer, or one that cannot be read here, whatever the SDK makes of it.
            self.first_content = self.last_content = now
            self._close(now, "ok")
        elif events is not None and events.finishes:
            self._close(now, "ok")
        elif exhausted:
            self._close(now, "truncated", "the stream ended without a finish reason")
        elif self.mark is not None and self.mark.given_up:
            self._close(now, "timeout", self.mark.given_up)
        else:
            self._close(now, "cancelled")

    def failed(self, error: BaseException, now: float) -> None:
        """Sending or reading broke off with an exception."""
        if self.end is not None:
            return
        if isinstance(error, asyncio.CancelledError | GeneratorExit):
            self.ended(now, exhausted=False)
        elif isinstance(error, httpx2.TimeoutException) and not is_broken_off(error):
            self._close(now, "timeout", type(error).__name__)
        elif self.headers is None:
            self._close(now, "connection_error", _described(error))
        else:
            self._close(now, "stream_error", _described(error))

    def _close(self, now: float, outcome: str, error: str | None = None) -> None:
        self.end = now
        self.outcome = outcome
        self.error = error

    @property
    def _kind(self) -> Kind:
        if self.mark is not None:
            return self.mark.kind
        return "first" if self.number == 1 else "retry"

    def attempt(self, origin: float) -> Attempt:
        """The frozen fact, instants counted from `origin`."""

        def since(instant: float | None) -> float | None:
            return None if instant is None else rounded(instant - origin)

        send, end = since(self.send), since(self.end)
        if send is None or end is None:
            raise RuntimeError("an attempt is recorded before it ended")
        return Attempt(
            attempt=self.number,
            kind=self._kind,
            outcome=self.outcome,
            send_s=send,
            end_s=end,
            headers_s=since(self.headers),
            first_content_s=since(self.first_content),
            last_content_s=since(self.last_content),
            status=self.status,
            bytes=self.bytes,
            tokens=self.tokens,
            error=self.error,
            request_id=self.request_id,
            connected_s=since(self.connected),
            written_s=since(self.written),
            admitted_s=since(self.admitted),
            first_byte_s=since(self.first_byte),
        )


class Trace:
    """The attempts of one request, over all of the SDK's retries and tenacity's rounds."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.recordings: list[Recording] = []

    def begin(self, now: float) -> Recording:
        """Open the next attempt, sent `now`."""
        recording = Recording(len(self.recordings) + 1, now, current_mark.get())
        self.recordings.append(recording)
        return recording

    def number_of(self, mark: Mark) -> int | None:
        """The number of the attempt that was begun with a mark."""
        return next((recording.number for recording in self.recordings if recording.mark is mark), None)

    def attempts(self, origin: float, now: float) -> tuple[Attempt, ...]:
        """All attempts so far; one that nobody ended counts as given up `now`."""
        for recording in self.recordings:
            recording.ended(now, exhausted=False)
        return tuple(recording.attempt(origin) for recording in self.recordings)


#: The extension of a response that says whether its transport stamps parts of the answer when they come in.
STAMPED = "harness.stamped"

#: The trace of the request that the current task plays; None outside a measurement.
current_trace: ContextVar[Trace | None] = ContextVar("current_trace", default=None)

#: The attempt that the current task sends, for transports that tell what becomes of it.
current_recording: ContextVar[Recording | None] = ContextVar("current_recording", default=None)

#: What is said of the attempt that the current task makes; None where the SDK makes its own.
current_mark: ContextVar[Mark | None] = ContextVar("current_mark", default=None)


def is_broken_off(error: BaseException) -> bool:
    """Whether what the SDK's aiohttp transport calls a timeout was a connection that broke: no timer fired."""
    cause = error.__cause__
    return type(cause).__module__.startswith("aiohttp.") and not isinstance(cause, TimeoutError)


def _described(error: BaseException) -> str:
    """The class, with a short message where that is about the connection.

    A LocalProtocolError quotes the header that it refuses, which may be the key.
    """
    text = str(error)
    if not text or isinstance(error, httpx2.LocalProtocolError) or not isinstance(error, httpx2.TransportError):
        return type(error).__name__
    return f"{type(error).__name__}: {text[:200]}"
