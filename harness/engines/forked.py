"""Forked processes that play at the same time, each at the end of a pipe."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Any

from harness.clock import until
from harness.engines.base import IDLE_S, Stage, Task
from harness.engines.deaths import death, lost
from harness.engines.together import Word

#: Bytes that a task can be ahead of whoever listens before its telling takes time from its playing.
BUFFER = 1 << 20

Play = Callable[[Task, Stage], Any]


class Forked:
    """Workers that inherit all that is in memory."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._open: set[Connection] = set()

    def hire(self, place: int, task: Task) -> ForkedWorker:
        """Fork a process."""
        return ForkedWorker(place, task, self._play, self._open)

    def heard(self, workers: Sequence[ForkedWorker]) -> Iterator[tuple[ForkedWorker, Word, Any]]:
        """What came through the pipes; one that is closed is a process that died."""
        by_connection = {worker.connection: worker for worker in workers}
        for connection in wait(list(by_connection), timeout=IDLE_S):
            worker = by_connection[connection]  # type: ignore[index]  # only connections were waited for
            word: Word
            try:
                word, value = worker.connection.recv()
            except (EOFError, OSError):
                worker.process.join()
                word, value = "lost", death(worker.process.exitcode)
            yield worker, word, value

    def lost(self, task: Task, deaths: int, how: str) -> str:
        """The line for processes of this machine."""
        return lost(task, deaths, how)


class ForkedWorker:
    """One process, seen from the one that waits for it."""

    def __init__(self, place: int, task: Task, play: Play, connections: set[Connection]) -> None:
        self.place, self.task = place, task
        self.is_ready = self._has_begun = False
        self.connection, theirs = multiprocessing.Pipe()
        _widen(theirs)
        # What is inherited must be closed, or nobody sees the end of a connection.
        connections.add(self.connection)
        self._open = connections
        context = multiprocessing.get_context("fork")
        arguments = (play, task, theirs, list(connections))
        self.process: ForkProcess = context.Process(target=_work, args=arguments, daemon=True)
        self.process.start()
        theirs.close()

    def begin(self, instant: float) -> None:
        """Send the instant: processes of a machine share their monotonic clock."""
        if not self._has_begun:
            self._has_begun = True
            # Who has died meanwhile is noticed by its silence.
            with suppress(OSError):
                self.connection.send(instant)

    def leave(self) -> None:
        """Wait for its end."""
        self._open.discard(self.connection)
        self.connection.close()
        self.process.join()

    def dismiss(self) -> None:
        """Kill it."""
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
        await until(begins)
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


def _work(play: Play, task: Task, connection: Connection, inherited: Sequence[Connection]) -> None:
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
