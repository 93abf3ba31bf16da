"""Requests released when they are due, whatever becomes of those before them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from harness.attempts import Play
from harness.clock import until
from harness.records import Outcome, Request
from harness.strategies.limiters import Limiter

#: Makes the play of a request that is wanted at an instant of the loop's clock.
StartAt = Callable[[Request, float], Play]
Keep = Callable[[Play, Outcome], None]


async def paced(
    scheduled: Iterable[tuple[Request, float]], start: StartAt, keep: Keep, limiter: Limiter | None, *, limit_s: float
) -> bool:
    """Release each request at its instant on the loop's clock, and wait for the last.

    While as many are under way as the limiter says, those that are due wait for a slot, and their time counts from when
    they were due; without one there is no such limit. False when some were not done `limit_s` seconds after the last
    was due; what is cut short is kept as unfinished.
    """
    return await _Paced(start, keep, limiter).run(scheduled, limit_s)


class _Paced:
    """Who is due and waits for a slot, and who is under way: nothing else of a schedule is held."""

    def __init__(self, start: StartAt, keep: Keep, limiter: Limiter | None) -> None:
        self._start, self._keep, self._limiter = start, keep, limiter
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[Request, float]] = deque()
        self._under_way: dict[asyncio.Task[None], Play] = {}
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._all_due = False

    async def run(self, scheduled: Iterable[tuple[Request, float]], limit_s: float) -> bool:
        pacing = self._loop.create_task(self._pace(scheduled))
        pacing.add_done_callback(self._paced_out)
        try:
            await asyncio.wait({pacing, self._over}, return_when=asyncio.FIRST_COMPLETED)
            async with asyncio.timeout(limit_s):
                await self._over
        except TimeoutError:
            await self._cut_short()
            return False
        except BaseException:
            await self._cancel(pacing, *self._under_way)
            raise
        return True

    async def _pace(self, scheduled: Iterable[tuple[Request, float]]) -> None:
        for request, due in scheduled:
            await until(due)
            self._waiting.append((request, due))
            self._release()

    def _release(self) -> None:
        while self._waiting and (self._limiter is None or len(self._under_way) < self._limiter.limit):
            play = self._start(*self._waiting.popleft())
            task = self._loop.create_task(self._one(play))
            self._under_way[task] = play
            task.add_done_callback(self._ended)

    async def _one(self, play: Play) -> None:
        outcome = await play.run()
        self._keep(play, outcome)
        if self._limiter is not None:
            self._limiter.ended(outcome, len(self._under_way))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        self._settle(task)
        if not self._over.done():
            self._release()
            self._settle_if_empty()

    def _paced_out(self, task: asyncio.Task[None]) -> None:
        self._all_due = True
        self._settle(task)
        self._settle_if_empty()

    def _settle(self, task: asyncio.Task[None]) -> None:
        """What a task raised ends the whole."""
        if not task.cancelled() and (error := task.exception()) is not None and not self._over.done():
            self._over.set_exception(error)

    def _settle_if_empty(self) -> None:
        if self._all_due and not self._under_way and not self._waiting and not self._over.done():
            self._over.set_result(None)

    async def _cut_short(self) -> None:
        open_ones = dict(self._under_way)
        await self._cancel(*open_ones)
        for task, play in open_ones.items():
            if task.cancelled():
                self._keep(play, play.unfinished())
        for request, due in self._waiting:
            play = self._start(request, due)
            self._keep(play, play.unfinished())

    async def _cancel(self, *tasks: asyncio.Task[None]) -> None:
        if not self._over.done():
            self._over.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
