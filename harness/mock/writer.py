"""Put the events of a script on a wire."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from email.utils import formatdate

from harness.clock import wall_time
from harness.mock.answers import Answer, dump
from harness.mock.log import Entry
from harness.mock.request import internal_error
from harness.scripts import Event, Reply
from harness.wire import Header, Wire

STREAM: Header = (b"content-type", b"text/event-stream; charset=utf-8")
JSON: Header = (b"content-type", b"application/json")

#: The last second of the year 9999, beyond which there are no dates.
_LAST_DATE = 253_402_300_799


class Writer:
    """Writes one answer; what is due at one instant leaves in one piece.

    `natural_length` is the length in tokens of an answer that nothing cuts short, `headers` go with every response.
    """

    __slots__ = (
        "_answer",
        "_body_text",
        "_entry",
        "_finish",
        "_more",
        "_per_chunk",
        "_ready",
        "_sent",
        "_token",
        "_wire",
    )

    def __init__(
        self,
        wire: Wire,
        answer: Answer,
        entry: Entry,
        *,
        per_chunk: int,
        natural_length: int,
        headers: Sequence[Header],
    ) -> None:
        self._wire = wire
        self._answer = answer
        self._entry = entry
        self._per_chunk = per_chunk
        self._finish = answer.finish_reason(natural_length)
        self._more = headers
        self._token = 0
        self._sent = 0
        #: Bodies of the events to come, when their length had to be known beforehand.
        self._ready: deque[bytes] | None = None
        self._body_text: bytes | None = None

    @property
    def held(self) -> int:
        """How many of the latest tokens wait for their chunk to fill up."""
        return self._token - self._sent

    def write(self, events: Sequence[Event], later: Sequence[Event]) -> None:
        """Write events that are due together; `later` are those that the script still holds after them."""
        wire = self._wire
        body: list[bytes] = []
        for number, event in enumerate(events):
            name = event.name
            if name == "headers":
                rest = (*events[number + 1 :], *later) if event.length_error else ()
                self._start(200, self._content(event.length_error, rest))
            elif name == "end":
                wire.send(b"".join(body))
                wire.end()
                return
            elif event.reply is not None:
                self._reply(event.reply)
                return
            elif name == "unread":
                wire.neglect()
            elif name in _DROPS:
                wire.send(b"".join(body))
                wire.drop(reset=name == "reset")
                return
            elif name in _DENIALS:
                wire.deny(refused=name == "refused")
                return
            else:
                body.append(self._ready.popleft() if self._ready is not None else self._body(event))
        wire.send(b"".join(body))
        wire.flush()

    def noise(self, event: Event) -> None:
        """Write what breaks a silence."""
        self._wire.send(event.data)
        self._wire.flush()

    def fail(self) -> None:
        """Own up to a bug of this server's with status 500; an answer that has begun can only be broken off."""
        if self._entry.status is not None:
            self._wire.drop(reset=True)
            return
        error = internal_error()
        body = dump(error.body)
        self._entry.status = error.status
        self._wire.start(error.status, [JSON, (b"content-length", str(len(body)).encode())])
        self._wire.send(body)
        self._wire.end()

    def _start(self, status: int, content: list[Header]) -> None:
        self._entry.status = status
        self._wire.start(status, [*content, (b"x-request-id", b"req_" + self._answer.unique.encode()), *self._more])

    def _reply(self, reply: Reply) -> None:
        own = [(name.encode(), value.encode()) for name, value in reply.headers]
        if reply.retry_date_s is not None:
            # A date has no fractions of a second: rounded up, nobody comes back too early.
            when = math.ceil(min(wall_time() + reply.retry_date_s, _LAST_DATE))
            own.append((b"retry-after", formatdate(when, usegmt=True).encode()))
        length = (b"content-length", str(len(reply.body)).encode())
        self._start(reply.status, [(b"content-type", reply.content_type.encode()), length, *own])
        self._wire.send(reply.body)
        self._wire.end()

    def _content(self, length_error: int, rest: Sequence[Event]) -> list[Header]:
        """Type of the body, and its length where one is stated."""
        if not self._answer.question.stream:
            return [JSON, (b"content-length", str(max(0, len(self._whole) + length_error)).encode())]
        if not length_error:
            return [STREAM]
        self._ready = deque(self._body(event) for event in rest if event.name not in {"noise", "end"})
        length = max(0, sum(map(len, self._ready)) + length_error)
        return [STREAM, (b"content-length", str(length).encode())]

    def _body(self, event: Event) -> bytes:
        name = event.name
        if name == "token":
            return self._next_token()
        if name == "role":
            return self._answer.opening()
        if name == "finish":
            return self._answer.finish(self._finish)
        if name == "usage":
            return self._answer.usage()
        if name == "done":
            return self._answer.done() if self._answer.question.stream else self._whole
        return b"" if name == "noise" else event.data

    def _next_token(self) -> bytes:
        self._token += 1
        if self._token - self._sent < self._per_chunk and self._token < self._answer.tokens:
            return b""
        start, self._sent = self._sent, self._token
        return self._answer.part(start, self._token)

    @property
    def _whole(self) -> bytes:
        if self._body_text is None:
            self._body_text = self._answer.body(self._finish)
        return self._body_text


_DROPS = {"break", "reset"}
_DENIALS = {"refused", "unreachable"}
