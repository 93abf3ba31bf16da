"""How fast the server works: its timers, which load slows down."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from itertools import count
from typing import Protocol

from harness.scripts import NEVER


class Timer(Protocol):
    """A call that is due and can be called off."""

    def cancel(self) -> None:
        """Call it off."""


class Pace(Protocol):
    """A clock of work done: an event that a script plans for `when` happens when so much is done."""

    def now(self) -> float:
        """Seconds of work done so far."""

    def at(self, instant: float) -> float:
        """Seconds of work done at an instant of the loop's clock, a moment ago at most."""

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call when so much is done."""

    def due(self, when: float) -> float:
        """The instant on the loop's clock at which that is, if nothing changes."""

    def resize(self, in_service: int) -> None:
        """So many attempts are in service from now on."""


class SteadyPace:
    """Work that nothing slows down: its clock is the loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = loop.time
        self.call_at = loop.call_at

    def at(self, instant: float) -> float:
        """The same instant."""
        return instant

    def due(self, when: float) -> float:
        """The same instant."""
        return when

    def resize(self, in_service: int) -> None:
        """Nothing depends on it."""


class _Call:
    __slots__ = ("callback", "cancelled")

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class SharedPace:
    """Work that all attempts in service share: each proceeds at `speed(n)` of a lone one.

    All timers count seconds of work, so that a change of speed moves only one timer of the loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, speed: Callable[[int], float]) -> None:
        self._loop = loop
        self._speed_of = speed
        self._speed = speed(1)
        self._since = loop.time()
        self._done = 0.0
        self._calls: list[tuple[float, int, _Call]] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """Seconds of work done so far by each attempt that was in service all the time."""
        return self.at(self._loop.time())

    def at(self, instant: float) -> float:
        """Seconds of work done at an instant since the speed last changed, or a moment before."""
        return self._done + (instant - self._since) * self._speed

    def due(self, when: float) -> float:
        """The instant on the loop's clock at which that is, at the present speed."""
        return self._since + (when - self._done) / self._speed

    def resize(self, in_service: int) -> None:
        """Go on at the speed for so many."""
        self._done, self._since = self.now(), self._loop.time()
        self._speed = self._speed_of(in_service)
        self._arm()

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call when so much is done; never for infinity."""
        call = _Call(callback)
        if when < NEVER:
            heapq.heappush(self._calls, (when, next(self._numbers), call))
            self._arm()
        return call

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._calls and self._calls[0][2].cancelled:
            heapq.heappop(self._calls)
        if self._calls:
            self._timer = self._loop.call_at(self.due(self._calls[0][0]), self._ring)

    def _ring(self) -> None:
        when, _, call = heapq.heappop(self._calls)
        # Exactly what is due is done: rounding must not call for the same instant twice.
        self._done, self._since = max(when, self._done), self._loop.time()
        self._timer = None
        if not call.cancelled:
            call.callback()
        self._arm()
