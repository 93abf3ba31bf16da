"""Work that can wait, shared out over the turns of an event loop so that what comes in is looked at in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

#: Pieces of work for one turn: each is about a millisecond.
MOST = 4


class Turns:
    """Does so many pieces of work in each turn of the running loop, first come first served.

    A loop that has a thousand tasks to run would look at its sockets only after the last of them, and everything that
    came in meanwhile would seem to have come in then. In virtual time nothing takes time, and all is done at once.
    """

    def __init__(self, most: int = MOST) -> None:
        self._loop = asyncio.get_running_loop()
        self._most = most
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_virtual = getattr(self._loop, "is_virtual", False)
        self._is_due = False

    def take(self, work: Callable[[], None]) -> None:
        """Do a piece of work when its turn comes, which is now if no time passes."""
        if self._is_virtual:
            work()
            return
        self._waiting.append(work)
        self._go_on()

    def clear(self) -> None:
        """Forget what is waiting."""
        self._waiting.clear()

    def _go_on(self) -> None:
        if self._waiting and not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._is_due = False
        try:
            for _ in range(min(self._most, len(self._waiting))):
                self._waiting.popleft()()
        finally:
            # What fails must not keep the others waiting for ever.
            self._go_on()
