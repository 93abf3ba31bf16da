"""Two clocks for the same code: real time, or virtual time that jumps from timer to timer.

The virtual clock is the loop's: `time.monotonic` (which the HTTP pool reads for its own keep-alive expiry), the date
and the cost of computing stay real; `wall_time` gives a date that goes with the loop. Its network is TCP by host and
port without latency, loss or bandwidth; a black hole never gives up by itself, and `abort()` always resets, where a
kernel sends FIN unless bytes are unread or SO_LINGER is 0. TLS, Unix sockets, UDP, pipes and subprocesses raise
`NotSimulated`. Functions given to an executor run in the loop's thread, so they must not wait for the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import Any, Literal, TypeVar

from harness.clock.errors import ClockError, Deadlock, ForeignThread, Livelock, NotSimulated

__all__ = [
    "ClockError",
    "Deadlock",
    "EventLoop",
    "ForeignThread",
    "Livelock",
    "NotSimulated",
    "loop_factory",
    "run",
    "timer",
    "until",
    "wall_time",
]

T = TypeVar("T")
EventLoop = Literal["auto", "asyncio", "uvloop"]


#: When virtual time begins, in seconds since 1970: equal runs must not differ by their date.
EPOCH = 1_700_000_000


def wall_time() -> float:
    """Seconds since 1970 by the clock of the running loop: dates in headers are made and read by it."""
    loop = asyncio.get_running_loop()
    return EPOCH + loop.time() if getattr(loop, "is_virtual", False) else time.time()


async def until(instant: float) -> None:
    """Wait for an instant of the loop's clock, to its last digit in virtual time; others run even when it is past."""
    loop = asyncio.get_running_loop()
    if instant <= loop.time():
        await asyncio.sleep(0)
    # Some loops count in whole milliseconds, and a timer of theirs can fire before its time.
    while loop.time() < instant:
        reached = loop.create_future()
        timer = loop.call_at(instant, reached.set_result, None)
        try:
            await reached
        finally:
            timer.cancel()


#: Nanoseconds of all virtual loops that have ended, and readings of the timer.
_elapsed_ns = 0


def timer() -> float:
    """Virtual seconds of all that this process has played so far: pytest-benchmark's timer for code in virtual time.

    `@pytest.mark.benchmark(timer=harness.clock.timer)` times functions that call `run(..., clock="virtual")`. To be
    read outside of loops. Each reading takes a nanosecond: pytest-benchmark first looks how finely a timer ticks, and
    would wait for one that stands still.
    """
    global _elapsed_ns  # noqa: PLW0603 - a clock is the state of the process
    _elapsed_ns += 1
    return _elapsed_ns / 1e9


def _passed(seconds: float) -> None:
    global _elapsed_ns  # noqa: PLW0603 - as above
    _elapsed_ns += round(seconds * 1e9)


def loop_factory(event_loop: EventLoop) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes a loop for real time, None for asyncio's own. Raises ImportError where uvloop is asked for in vain."""
    if event_loop == "asyncio":
        return None
    try:
        from harness.clock.fast import FastLoop
    except ImportError:
        if event_loop == "uvloop":
            raise
        return None
    return FastLoop


def run(
    main: Callable[[], Coroutine[Any, Any, T]],
    *,
    clock: Literal["virtual", "real"],
    event_loop: EventLoop = "asyncio",
    livelock_limit: int = 1_000_000,
) -> T:
    """Run `main()` to its end on a fresh event loop and return its result.

    On the virtual clock time starts at 0.0 seconds, jumps exactly to the next timer whenever nothing is left to do,
    and sockets are in memory. `livelock_limit` is how many iterations the virtual loop may make without its clock
    moving. `event_loop` is whose loop plays real time; "auto" takes uvloop's where that is installed. As with
    `asyncio.run`, what is still pending at the end is cancelled and Ctrl-C cancels `main`.
    Raises what `main()` raises, and `ClockError` when virtual time cannot go on.
    """
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("harness.clock.run() starts a loop of its own: inside a running one, await main() instead")
    if clock == "real":
        with asyncio.Runner(loop_factory=loop_factory(event_loop)) as runner:
            return runner.run(main())
    if clock != "virtual":
        raise ValueError(f"clock must be 'virtual' or 'real', not {clock!r}")

    from harness.clock.virtual import VirtualLoop

    loop = VirtualLoop(livelock_limit=livelock_limit)
    runner = asyncio.Runner(loop_factory=lambda: loop)
    try:
        return runner.run(main())
    except ClockError:
        # The cancelled tasks may get stuck once more; the first finding is the one to show.
        with contextlib.suppress(ClockError):
            runner.close()
        raise
    finally:
        runner.close()
        _passed(loop.time())
