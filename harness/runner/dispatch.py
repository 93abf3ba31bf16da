"""How the requests of a trial are released: batch by batch, or a number of them in flight."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Any

from harness.attempts import Play
from harness.records import Outcome, Request
from harness.strategies.limiters import Limiter

Start = Callable[[Request], Play]
Keep = Callable[[Play, Outcome], None]


async def gather(requests: Sequence[Request], start: Start, keep: Keep, *, limit_s: float) -> bool:
    """Release all at once and wait for the last; False when `limit_s` seconds cut them short.

    What is cut short is kept as unfinished.
    """
    plays = [start(request) for request in requests]

    async def one(play: Play) -> None:
        keep(play, await play.run())

    tasks = [asyncio.create_task(one(play)) for play in plays]
    return await _within(limit_s, plays, tasks, keep, asyncio.gather(*tasks))


async def window(
    requests: Sequence[Request], start: Start, keep: Keep, limiter: Limiter, *, limit_s: float, stagger_s: float = 0.0
) -> bool:
    """Keep as many under way as the limiter says until all are done; False when `limit_s` seconds cut them short.

    A request begins in the turn of the loop in which there is room for it. The room that there is at first opens bit by
    bit over `stagger_s` seconds.
    """
    waiting = iter(requests)
    plays: list[Play] = []
    tasks: list[asyncio.Task[None]] = []
    over: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    in_flight = 0
    opened: float = 1 if stagger_s else math.inf

    async def one(play: Play) -> None:
        nonlocal in_flight
        outcome = await play.run()
        keep(play, outcome)
        limiter.ended(outcome, in_flight)
        in_flight -= 1
        release()

    def ended(task: asyncio.Task[None]) -> None:
        if over.done() or task.cancelled():
            return
        error = task.exception()
        if error is not None:
            over.set_exception(error)
        elif not in_flight:
            over.set_result(None)

    def release() -> None:
        nonlocal in_flight
        while in_flight < min(limiter.limit, opened):
            request = next(waiting, None)
            if request is None:
                return
            in_flight += 1
            plays.append(start(request))
            tasks.append(asyncio.create_task(one(plays[-1])))
            tasks[-1].add_done_callback(ended)

    def open_another() -> None:
        nonlocal opened
        opened += 1
        release()

    first = min(limiter.limit, len(requests)) if stagger_s else 1
    loop = asyncio.get_running_loop()
    timers = [loop.call_later(place * stagger_s / first, open_another) for place in range(1, first)]
    release()
    try:
        return await _within(limit_s, plays, tasks, keep, over)
    finally:
        for timer in timers:
            timer.cancel()


async def _within(
    limit_s: float, plays: list[Play], tasks: list[asyncio.Task[None]], keep: Keep, over: asyncio.Future[Any]
) -> bool:
    try:
        async with asyncio.timeout(limit_s):
            await over
    except TimeoutError:
        await _cancel(tasks)
        for play, task in zip(plays, tasks, strict=True):
            if task.cancelled():
                keep(play, play.unfinished())
        return False
    except BaseException:
        await _cancel(tasks)
        raise
    return True


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
