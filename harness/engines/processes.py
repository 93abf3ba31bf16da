"""The engine that forks this process: one for each core."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

from harness.engines.base import AHEAD, DEATHS, IDLE_S, Stage, Task, WorkerLostError
from harness.engines.deaths import death, lost
from harness.engines.forked import Forked
from harness.engines.together import Together
from harness.errors import UserError

T = TypeVar("T")

#: What the forked processes call; they inherit it, so nothing but a task has to be sent to them.
_play: Callable[[Task], Any] | None = None


def cores() -> int:
    """How many processes can run at once here; 1 where processes cannot be forked."""
    if not _can_fork():
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _can_fork() -> bool:
    return "fork" in multiprocessing.get_all_start_methods()


class Processes:
    """Plays tasks in forked processes, which inherit all that is in memory."""

    here = False
    notice = None

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def in_order(
        self, play: Callable[[Task], T], tasks: Sequence[Task], *, idle: Callable[[], None]
    ) -> Generator[T, None, None]:
        """The results in order; the tasks of a worker that dies are played again by another."""
        global _play  # noqa: PLW0603 - a forked process inherits globals, and closures cannot be sent
        _play = play
        pool = _Pool(self.workers)
        ahead: deque[tuple[Task, Future[T]]] = deque()
        left = deque(tasks)
        deaths, renewed = 0, False
        try:
            while left or ahead:
                try:
                    if renewed:
                        # The new pool may break meanwhile, too.
                        ahead = deque((task, pool.submit(task) if _is_lost(one) else one) for task, one in ahead)
                        renewed = False
                    while left and len(ahead) < AHEAD * self.workers:
                        ahead.append((left[0], pool.submit(left[0])))
                        left.popleft()
                    while not wait([ahead[0][1]], timeout=IDLE_S).done:
                        idle()
                    result = ahead[0][1].result()
                except BrokenProcessPool:
                    deaths += 1
                    how = pool.renew()
                    if deaths > DEATHS:
                        first = ahead[0][0] if ahead else left[0]
                        raise WorkerLostError(lost(first, deaths, how)) from None
                    renewed = True
                    continue
                ahead.popleft()
                yield result
                deaths = 0
        except BaseException:
            pool.kill()
            raise
        finally:
            _play = None
            pool.close()

    def at_once(
        self,
        play: Callable[[Task, Stage], T],
        tasks: Sequence[Task],
        *,
        heard: Callable[[Task, Any], None],
        again: Callable[[Task], Task],
        idle: Callable[[], None],
    ) -> list[T]:
        """A process for each task, however many cores there are."""
        return Together(Forked(play), heard=heard, again=again, idle=idle).results(tasks)


def _is_lost(future: Future[Any]) -> bool:
    return not future.done() or future.cancelled() or isinstance(future.exception(), BrokenProcessPool)


class _Pool:
    """A pool of forked processes that can be replaced by a new one."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool = self._new()

    def _new(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._workers, multiprocessing.get_context("fork"), initializer=_as_worker)

    def submit(self, task: Task) -> Future[Any]:
        return self._pool.submit(_call, task)

    def renew(self) -> str:
        """Put a new pool in the place of a broken one; how the worker died, in words."""
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(cancel_futures=True)
        self._pool = self._new()
        # The pool ends those that were left with SIGTERM.
        codes = [process.exitcode for process in processes if process.exitcode not in {None, 0, -signal.SIGTERM}]
        return death(codes[0]) if codes else "terminated"

    def kill(self) -> None:
        for process in list((self._pool._processes or {}).values()):
            process.terminate()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


def _as_worker() -> None:
    """Ctrl-C in the terminal is for the parent, which then ends its workers; they end with it, whatever ends that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _call(task: Task) -> Any:
    if _play is None:
        raise RuntimeError("a worker was started outside in_order()")
    return _play(task)


@contextmanager
def opened(*, most: int | None, options: Mapping[str, Any]) -> Iterator[Processes]:  # noqa: ARG001 - it has no settings
    """As many processes as there are cores, or tasks. Raises UserError where processes cannot be forked."""
    if not _can_fork():
        raise UserError("engine=processes needs a system whose processes can be forked; use engine=local")
    yield Processes(cores() if most is None else max(1, min(cores(), most)))
