"""How the requests of a trial are released: batch by batch, or a number of them in flight."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Coroutine, Sequence
from functools import partial
from typing import Any

from harness.attempts import Play
from harness.clock.turns import Turns
from harness.records import Outcome, Request
from harness.strategies.limiters import Limiter

Start = Callable[[Request], Play]
Keep = Callable[[Play, Outcome], None]


async def gather(requests: Sequence[Request], start: Start, keep: Keep, *, limit_s: float) -> bool:
    """Release all at once and wait for the last; False when `limit_s` seconds cut them short.

    What is cut short is kept as unfinished.
    """
    flight, turns = _Flight(keep), Turns()

    def begin(play: Play) -> None:
        flight.take_off(play, flight.kept(play))

    # Each is begun before the first of them runs: they are wanted at one instant.
    for play in [start(request) for request in requests]:
        turns.take(partial(begin, play))
    turns.take(flight.close)
    try:
        return await flight.landed(limit_s)
    finally:
        turns.clear()


async def window(
    requests: Sequence[Request], start: Start, keep: Keep, limiter: Limiter, *, limit_s: float, stagger_s: float = 0.0
) -> bool:
    """Keep as many under way as the limiter says until all are done; False when `limit_s` seconds cut them short.

    A request begins in the turn of the loop in which there is room for it, but in real time a few at once at most, so
    that a thousand which find room together do not keep the loop from what comes in. The room that there is at first
    opens bit by bit over `stagger_s` seconds.
    """
    waiting = iter(requests)
    flight = _Flight(keep)
    turns = Turns()
    in_flight = 0
    opened: float = 1 if stagger_s else math.inf

    async def one(play: Play) -> None:
        nonlocal in_flight
        outcome = await flight.kept(play)
        limiter.ended(outcome, in_flight)
        in_flight -= 1
        release()

    def release() -> None:
        nonlocal in_flight
        while in_flight < min(limiter.limit, opened):
            request = next(waiting, None)
            if request is None:
                turns.take(flight.close)
                return
            in_flight += 1
            turns.take(partial(begin, request))

    def begin(request: Request) -> None:
        try:
            play = start(request)
        except Exception as error:
            flight.fail(error)
            return
        flight.take_off(play, one(play))

    def open_another() -> None:
        nonlocal opened
        opened += 1
        release()

    first = min(limiter.limit, len(requests)) if stagger_s else 1
    loop = asyncio.get_running_loop()
    timers = [loop.call_later(place * stagger_s / first, open_another) for place in range(1, first)]
    release()
    try:
        return await flight.landed(limit_s)
    finally:
        turns.clear()
        for timer in timers:
            timer.cancel()


class _Flight:
    """What is under way, and nothing else: whoever has ended is held no longer."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._loop = asyncio.get_running_loop()
        self._plays: dict[asyncio.Task[Any], Play] = {}
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._is_closed = False

    def take_off(self, play: Play, run: Coroutine[Any, Any, Any]) -> None:
        """Begin a play, which `run` plays to its end."""
        task = self._loop.create_task(run)
        self._plays[task] = play
        task.add_done_callback(self._ended)

    async def kept(self, play: Play) -> Outcome:
        """The outcome of a play, once it has been kept."""
        outcome = await play.run()
        self._keep(play, outcome)
        return outcome

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._plays.pop(task, None)
        if self._over.done() or task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._over.set_exception(error)
        else:
            self._look()

    def fail(self, error: Exception) -> None:
        """One could not even begin, which ends the others."""
        if not self._over.done():
            self._over.set_exception(error)

    def close(self) -> None:
        """Nothing more will take off."""
        self._is_closed = True
        self._look()

    def _look(self) -> None:
        if self._is_closed and not self._plays and not self._over.done():
            self._over.set_result(None)

    async def landed(self, limit_s: float) -> bool:
        """Wait until all have ended; False when `limit_s` seconds cut them short, who are kept as unfinished."""
        try:
            async with asyncio.timeout(limit_s):
                await self._over
        except TimeoutError:
            cut_short = dict(self._plays)
            await _cancel(cut_short)
            for task, play in cut_short.items():
                if task.cancelled():
                    self._keep(play, play.unfinished())
            return False
        except BaseException:
            await _cancel(list(self._plays))
            raise
        return True


async def _cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
