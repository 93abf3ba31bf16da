"""How late the client itself was: an event loop that is busy stamps everything late."""

from __future__ import annotations

import asyncio
import contextlib
import math
from array import array
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import numpy as np

#: Seconds between two looks, and the lateness of one look in a hundred from which times are in doubt.
EVERY_S, LIMIT_S = 0.02, 0.05


class LoopLag:
    """Samples by how much a timer of the loop fires after its time, while something runs on it."""

    def __init__(self) -> None:
        self._late = array("d")
        #: When each sample was taken, in seconds of the loop, and when the next is due.
        self._at = array("d")
        self._due = math.inf

    async def around(self, main: Callable[[], Awaitable[None]]) -> None:
        """Run `main` and sample beside it."""
        sampler = asyncio.create_task(self._sample())
        try:
            await main()
        finally:
            sampler.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sampler

    async def _sample(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            self._due = clock() + EVERY_S
            await asyncio.sleep(EVERY_S)
            now = clock()
            self._at.append(now)
            self._late.append(max(0.0, now - self._due))

    def worst(self, begin_s: float, end_s: float) -> float:
        """The most by which a timer was late between two instants of the loop, the second of which is the present."""
        # What is overdue will be sampled when it is too late for whoever asks.
        return max(0.0, end_s - self._due, *self._late[bisect_left(self._at, begin_s) :])

    @property
    def late(self) -> list[float]:
        """The samples, in seconds."""
        return list(self._late)

    def forget(self) -> None:
        """Begin anew."""
        del self._late[:], self._at[:]

    def add(self, late: Iterable[float]) -> None:
        """Take in the samples of another loop."""
        self._late.extend(late)

    def timing(self) -> dict[str, Any] | None:
        """p50_s, p99_s and max_s of the lateness, the limit_s, and whether it was `late`; None without a sample."""
        if not self._late:
            return None
        p50, p99, most = np.quantile(np.array(self._late), [0.5, 0.99, 1]).tolist()
        seconds = {"p50_s": p50, "p99_s": p99, "max_s": most, "limit_s": LIMIT_S}
        return {name: round(value, 6) for name, value in seconds.items()} | {"late": p99 > LIMIT_S}
