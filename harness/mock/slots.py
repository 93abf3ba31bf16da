"""Who is served, who waits, and who is turned away."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from harness.mock.pace import Pace
from harness.profiles.load import Load


class Serves(Protocol):
    """What takes a slot."""

    waits: bool

    def begin(self) -> None:
        """It is served from now on."""


class Slots:
    """The slots of a server and the queue before them, first come, first served."""

    def __init__(self, load: Load, pace: Pace) -> None:
        self._load = load
        self._pace = pace
        self._queue: deque[Serves] = deque()
        self._calling = False
        self.in_service = 0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._queue)

    @property
    def full(self) -> bool:
        """Whether the next one is turned away."""
        load = self._load
        taken = load.slots is not None and self.in_service >= load.slots
        return taken and load.queue is not None and len(self._queue) >= load.queue

    def enter(self, one: Serves) -> None:
        """Serve it at once if a slot is free, else let it wait."""
        slots = self._load.slots
        one.waits = bool(self._queue) or (slots is not None and self.in_service >= slots)
        if one.waits:
            self._queue.append(one)
            self._call()
        else:
            self._begin(one)

    def leave(self, one: Serves, *, served: bool) -> None:
        """It is done with, or waits no longer."""
        if served:
            self.in_service -= 1
            self._pace.resize(self.in_service)
        else:
            self._queue.remove(one)
        if self._queue:
            self._call()

    def _call(self) -> None:
        """Call those whose turn it is. Answers that take no time leave at once, which must not call from within."""
        if self._calling:
            return
        self._calling = True
        slots = self._load.slots
        while self._queue and (slots is None or self.in_service < slots):
            self._begin(self._queue.popleft())
        self._calling = False

    def _begin(self, one: Serves) -> None:
        self.in_service += 1
        self._pace.resize(self.in_service)
        one.begin()
