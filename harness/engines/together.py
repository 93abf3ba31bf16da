"""Processes that play at the same time, from one instant on, and tell what they have as it comes."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Any, Generic, Literal, TypeVar

from harness.engines.base import Stage, Task, WorkerLostError
from harness.engines.deaths import DEATHS, death, lost

T = TypeVar("T")

#: Seconds without a word after which whoever waits is told.
IDLE_S = 0.5
#: Seconds from the last task being prepared to all of them beginning: time for the word to reach each.
LEAD_S = 0.05
#: Bytes that a task can be ahead of whoever listens before its telling takes time from its playing.
BUFFER = 1 << 20

Word = Literal["ready", "part", "result", "error"]


class Together(Generic[T]):
    """Plays tasks in a forked process each, which inherits all that is in memory."""

    def __init__(
        self,
        play: Callable[[Task, Stage], T],
        *,
        heard: Callable[[Task, Any], None],
        again: Callable[[Task], Task],
        idle: Callable[[], None],
    ) -> None:
        self._play, self._heard, self._again, self._idle = play, heard, again, idle
        self._workers: dict[Connection, _Worker] = {}
        self._results: dict[int, T] = {}
        self._begins: float | None = None

    def results(self, tasks: Sequence[Task]) -> list[T]:
        """What they return, in order."""
        try:
            for place, task in enumerate(tasks):
                self._hire(place, task)
            while self._workers:
                said = wait(list(self._workers), timeout=IDLE_S)
                for connection in said:
                    self._listen(self._workers[connection])  # type: ignore[index]  # only connections were waited for
                if not said:
                    self._idle()
        finally:
            for worker in self._workers.values():
                worker.dismiss()
        return [self._results[place] for place in range(len(tasks))]

    def _hire(self, place: int, task: Task) -> None:
        worker = _Worker(place, task, self._play, others=list(self._workers))
        self._workers[worker.connection] = worker

    def _listen(self, worker: _Worker) -> None:
        word: Word
        try:
            word, value = worker.connection.recv()
        except (EOFError, OSError):
            self._replace(worker)
            return
        if word == "part":
            self._heard(worker.task, value)
        elif word == "ready":
            worker.is_ready = True
            self._begin()
        elif word == "error":
            raise value
        else:
            self._results[worker.place] = value
            self._leave(worker)
            # One that had nothing left to do never was ready.
            self._begin()

    def _begin(self) -> None:
        """When all are ready for the first time, agree on an instant; who comes later begins at once."""
        if not all(worker.is_ready for worker in self._workers.values()):
            return
        if self._begins is None:
            self._begins = time.monotonic() + LEAD_S
        for worker in self._workers.values():
            worker.begin(self._begins)

    def _replace(self, worker: _Worker) -> None:
        self._leave(worker)
        task = self._again(worker.task)
        if task.lost > DEATHS:
            raise WorkerLostError(lost(worker.task, task.lost, death(worker.process.exitcode)))
        self._hire(worker.place, task)

    def _leave(self, worker: _Worker) -> None:
        del self._workers[worker.connection]
        worker.leave()


class _Worker:
    """One process, seen from the one that waits for it."""

    def __init__(
        self, place: int, task: Task, play: Callable[[Task, Stage], Any], others: Sequence[Connection]
    ) -> None:
        self.place, self.task = place, task
        self.is_ready = self._has_begun = False
        self.connection, theirs = multiprocessing.Pipe()
        _widen(theirs)
        # What is inherited must be closed, or nobody sees the end of a connection.
        inherited = [self.connection, *others]
        context = multiprocessing.get_context("fork")
        self.process: ForkProcess = context.Process(target=_work, args=(play, task, theirs, inherited), daemon=True)
        self.process.start()
        theirs.close()

    def begin(self, instant: float) -> None:
        if not self._has_begun:
            self._has_begun = True
            # Who has died meanwhile is noticed by its silence.
            with suppress(OSError):
                self.connection.send(instant)

    def leave(self) -> None:
        self.connection.close()
        self.process.join()

    def dismiss(self) -> None:
        self.process.kill()
        self.leave()


class _Stage:
    """The same connection, seen from the process that plays."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def begin(self) -> float:
        loop = asyncio.get_running_loop()
        told: asyncio.Future[float] = loop.create_future()
        # Goes on reading while the task is played: the end of the connection is the end of whoever would hear of it.
        loop.add_reader(self._connection.fileno(), self._hear, told)
        self._connection.send(("ready", None))
        begins = await told
        await asyncio.sleep(begins - time.monotonic())
        return begins

    def tell(self, part: Any) -> None:
        self.say("part", part)

    def say(self, word: Word, value: Any) -> None:
        try:
            self._connection.send((word, value))
        except OSError:
            os._exit(1)

    def _hear(self, told: asyncio.Future[float]) -> None:
        try:
            told.set_result(self._connection.recv())
        except (EOFError, OSError):
            os._exit(1)


def _work(
    play: Callable[[Task, Stage], Any], task: Task, connection: Connection, inherited: Sequence[Connection]
) -> None:
    """Play a task in a process of its own. Ctrl-C in the terminal is for the parent, which then ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for other in inherited:
        other.close()
    stage = _Stage(connection)
    try:
        result = play(task, stage)
    except Exception as error:
        stage.say("error", error)
    else:
        stage.say("result", result)


def _widen(connection: Connection) -> None:
    """Let the system hold more of what is told; it gives as much as it allows."""
    with socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
        duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
