"""One request on a connection, and the answer as its bytes come in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx2

from harness.clock.turns import Turns
from harness.openai_adapter.trace import Recording

#: Statuses that a client follows to another place.
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Seconds for which what of an answer says nothing new may lie before whoever reads it is woken.
PATIENCE_S = 1.0


class Exchange:
    """Takes in an answer, tells its recording at once what came, and wakes its reader when that matters to him.

    A reader is woken by the headers, by an end, by an error, by whatever cannot be read here, and otherwise not before
    `PATIENCE_S` seconds: what lies in between is content like the content before, whose instant is on record already.
    Readers go on in turns, so that a crowd of them does not keep the loop from what comes in.
    `read_s` is the longest silence before the answer fails with httpx2.ReadTimeout; None for no limit.
    """

    def __init__(
        self, read_s: float | None, recording: Recording | None, clock: Callable[[], float], turns: Turns
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._turns = turns
        self._clock = clock
        self._read_s = read_s
        self._recording = recording
        self._waiter: asyncio.Future[None] | None = None
        self._parts: list[bytes] = []
        self._urgent = False
        #: Whether its reader has a turn coming.
        self._is_called = False
        self._error: httpx2.TransportError | None = None
        self._heard = 0.0
        self._asleep_since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.status = 0
        self.fields: list[tuple[bytes, bytes]] = []
        self.headers = httpx2.Headers()
        self.answered = False
        self.complete = False
        #: Bytes of the body so far.
        self.received = 0

    # -- what the connection tells

    def sent(self) -> None:
        """The request is written: from now on silence counts."""
        now = self._heard = self._clock()
        if self._recording is not None:
            self._recording.written = now
        if self._read_s is not None:
            self._timer = self._loop.call_later(self._read_s, self._look)

    def arrived(self) -> None:
        """Bytes are there, whatever they say."""
        now = self._heard = self._clock()
        if self._recording is not None and self._recording.first_byte is None:
            self._recording.first_byte = now

    def head(self) -> None:
        """Status and headers are complete."""
        self.answered = True
        self.headers = httpx2.Headers(self.fields)
        if self.status in _REDIRECTS and "location" in self.headers and self._recording is not None:
            # The client asks there, for the same attempt: what counts is what is answered at last.
            self._recording.first_byte = None
            self._recording = None
        if self._recording is not None:
            self._recording.head(self.status, self.headers, self._heard)
        self._wake()

    def body(self, part: bytes) -> None:
        """A part of the body is there."""
        self.received += len(part)
        self._parts.append(part)
        if self._recording is None or self._recording.stamped(part, self._heard):
            self._urgent = True
            self._wake()

    def end(self) -> None:
        """The answer is complete."""
        self.complete = True
        if self._recording is not None:
            self._recording.ended(self._heard, exhausted=True)
        self._over()

    def fail(self, error: httpx2.TransportError) -> None:
        """The answer will not be complete."""
        if self._error is None and not self.complete:
            self._error = error
            if self._recording is not None:
                self._recording.failed(error, self._clock())
            self._over()

    # -- what the reader asks

    async def wait_for_head(self) -> None:
        """Until the headers are there. Raises httpx2.TransportError."""
        while not self.answered:
            self._raise()
            await self._sleep()

    async def part(self) -> bytes | None:
        """What of the body has not been read, None at its end. Raises httpx2.TransportError after all that did come."""
        while not (self._parts and self._ready):
            if not self._parts:
                if self.complete:
                    return None
                self._raise()
            await self._sleep()
        together = b"".join(self._parts)
        self._parts.clear()
        self._urgent = False
        return together

    @property
    def _ready(self) -> bool:
        late = self._clock() - self._asleep_since >= PATIENCE_S
        return self._urgent or self.complete or self._error is not None or late

    def drop(self) -> None:
        """Nobody reads on."""
        if self._recording is not None:
            self._recording.ended(self._clock(), exhausted=False)
        self.leave()

    def leave(self) -> None:
        """Nobody waits any more, and whoever did says why."""
        if self._timer is not None:
            self._timer.cancel()

    # -- waking

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    async def _sleep(self) -> None:
        self._asleep_since = self._clock()
        self._waiter = self._loop.create_future()
        patience = self._loop.call_later(PATIENCE_S, self._wake)
        try:
            await self._waiter
        finally:
            patience.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done() and not self._is_called:
            self._is_called = True
            self._turns.take(self._go_on)

    def _go_on(self) -> None:
        self._is_called = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _over(self) -> None:
        self.leave()
        self._wake()

    def _look(self) -> None:
        """Whether it has been silent for too long; one timer serves the whole answer."""
        if self._read_s is None:
            return
        left = self._heard + self._read_s - self._clock()
        if left <= 0:
            self.fail(httpx2.ReadTimeout(""))
        else:
            self._timer = self._loop.call_later(left, self._look)
