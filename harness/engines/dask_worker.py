"""What a worker of Dask is given: processes that play for it, with the code that was sent.

It is pickled whole, so that a worker needs nothing of the harness; `frames` is pickled with it.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from contextlib import suppress
from typing import Any

from distributed import WorkerPlugin, get_worker

from harness.engines.frames import DIED, read, write

#: Seconds that a process may take to be gone after it has closed its end.
DYING_S = 5.0


class Players(WorkerPlugin):  # type: ignore[misc]  # Dask need not be installed where this is checked
    """Unpacks the code, and keeps a process for each thread that plays at once; all of it goes when the run ends."""

    def __init__(self, name: str, code: bytes, play: bytes) -> None:
        self.name = name
        self._code, self._play = code, play

    def setup(self, worker: Any) -> None:
        """Make room for the code on this worker."""
        self._folder = tempfile.mkdtemp(prefix="harness-code-", dir=worker.local_directory)
        with zipfile.ZipFile(io.BytesIO(self._code)) as packed:
            packed.extractall(self._folder)
        self._all: list[_Player] = []
        self._free: list[_Player] = []
        self._lock = threading.Lock()

    def teardown(self, worker: Any) -> None:  # noqa: ARG002 - Dask names it
        """End the processes, whatever they play, and remove the code."""
        for player in self._all:
            player.end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def play(self, task: bytes) -> bytes:
        """The answer of a process to a task."""
        with self._lock:
            player = self._free.pop() if self._free else self._started()
        answer = player.answer(task)
        if answer is None:
            return DIED + f"exit code {player.end(DYING_S)}".encode()
        with self._lock:
            self._free.append(player)
        return answer

    def _started(self) -> _Player:
        player = _Player(self._folder, self._play)
        self._all.append(player)
        return player


class _Player:
    """One process, which begins with what plays."""

    def __init__(self, folder: str, play: bytes) -> None:
        path = os.pathsep.join([folder, *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.engines.player"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._say(play)

    def answer(self, task: bytes) -> bytes | None:
        """What it answers; None when it died."""
        self._say(task)
        return read(self._process.stdout) if self._process.stdout else None

    def end(self, patience_s: float = 0.0) -> int:
        """Kill it unless it ends by itself so soon; its exit code."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        self._process.kill()
        code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe:
                    pipe.close()
        return code

    def _say(self, content: bytes) -> None:
        # One that has died hears nothing, and its silence tells.
        with suppress(OSError):
            if self._process.stdin:
                write(self._process.stdin, content)


def play(name: str, task: bytes) -> bytes:
    """What Dask calls: have the worker's players play a task."""
    players: Players = get_worker().plugins[name]
    return players.play(task)
