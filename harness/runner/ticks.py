"""A tick in real time, so that whoever watches a run sees time pass while nothing arrives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

#: Seconds between two ticks.
TICK_S = 0.5


async def ticking(main: Callable[[], Awaitable[None]], tick: Callable[[], None]) -> None:
    """Run `main`, and call `tick` twice a second meanwhile.

    It is a timer of the loop that plays the run, so that it never comes between two steps of one event, needs no lock,
    and what it costs is part of the lateness that `LoopLag` samples. In virtual time such a timer would move the clock.
    """
    ticker = asyncio.create_task(_every(tick))
    try:
        await main()
    finally:
        ticker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticker


async def _every(tick: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        tick()
