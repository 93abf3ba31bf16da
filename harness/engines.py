"""Who plays the trials of a run: this process, or one process for each core."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from typing import Any, TypeVar

T = TypeVar("T")

#: Seconds without a result after which whoever waits is told.
IDLE_S = 0.5

#: What the forked processes call; they inherit it, so nothing but a number has to be sent to them.
_play: Callable[[int], Any] | None = None


def cores() -> int:
    """How many processes can run at once here; 1 where processes cannot be forked."""
    if "fork" not in multiprocessing.get_all_start_methods():
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(
    play: Callable[[int], T], count: int, *, workers: int, idle: Callable[[], None] = lambda: None
) -> Generator[T, None, None]:
    """play(0), play(1), ... play(count - 1), computed by `workers` forked processes and given in order.

    `idle` is called every half second while the next result is not there. Results must survive pickling. Closing the
    iterator stops the processes. Raises what `play` raises.
    """
    global _play  # noqa: PLW0603 - a forked process inherits globals, and closures cannot be sent
    _play = play
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), initializer=_quietly)
    try:
        waiting: list[Future[T]] = [pool.submit(_call, number) for number in range(count)]
        waiting.reverse()
        while waiting:
            following = waiting.pop()
            while not wait([following], timeout=IDLE_S).done:
                idle()
            yield following.result()
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        _play = None
        pool.shutdown(cancel_futures=True)


def _quietly() -> None:
    """Ctrl-C in the terminal is for the parent, which then ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _call(number: int) -> Any:
    if _play is None:
        raise RuntimeError("a worker was started outside in_order()")
    return _play(number)
