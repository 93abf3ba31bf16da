"""Workers that play at the same time, from one instant on, and tell what they have as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, Literal, Protocol, TypeVar

from harness.engines.base import DEATHS, Task, WorkerLostError

T = TypeVar("T")
W = TypeVar("W", bound="Worker")

#: Seconds from the last task being prepared to all of them beginning: time for the word to reach each.
LEAD_S = 0.05

#: What a worker says: that it is prepared, a part of its result, the result, or the error that it ended with. `lost` is
#: what is said of one that says nothing more, with how it died.
Word = Literal["ready", "part", "result", "error", "lost"]


class Worker(Protocol):
    """Whoever plays one task, somewhere."""

    place: int
    task: Task
    is_ready: bool

    def begin(self, instant: float) -> None:
        """Have it begin at an instant of this process's `time.monotonic`, or at once where that is past."""

    def leave(self) -> None:
        """It has said its last."""

    def dismiss(self) -> None:
        """End it, whatever it plays."""


class Troupe(Protocol[W]):
    """Where workers come from, and how they are heard."""

    def hire(self, place: int, task: Task) -> W:
        """Another worker, for the task at a place among all."""

    def heard(self, workers: Sequence[W]) -> Iterable[tuple[W, Word, Any]]:
        """Wait for at most IDLE_S seconds; what was said, of each worker in its order."""

    def lost(self, task: Task, deaths: int, how: str) -> str:
        """The line for a task that no worker survives."""


class Together(Generic[W]):
    """Plays tasks at once, each with a worker of its own."""

    def __init__(
        self,
        troupe: Troupe[W],
        *,
        heard: Callable[[Task, Any], None],
        again: Callable[[Task], Task],
        idle: Callable[[], None],
    ) -> None:
        self._troupe, self._heard, self._again, self._idle = troupe, heard, again, idle
        self._workers: dict[int, W] = {}
        self._results: dict[int, Any] = {}
        self._begins: float | None = None

    def results(self, tasks: Sequence[Task]) -> list[Any]:
        """What they return, in order. Raises what a task raised, and WorkerLostError."""
        try:
            for place, task in enumerate(tasks):
                self._workers[place] = self._troupe.hire(place, task)
            while self._workers:
                silent = True
                for worker, word, value in self._troupe.heard(list(self._workers.values())):
                    silent = False
                    self._listen(worker, word, value)
                if silent:
                    self._idle()
        finally:
            for worker in self._workers.values():
                worker.dismiss()
        return [self._results[place] for place in range(len(tasks))]

    def _listen(self, worker: W, word: Word, value: Any) -> None:
        if word == "part":
            self._heard(worker.task, value)
        elif word == "ready":
            worker.is_ready = True
            self._begin()
        elif word == "error":
            raise value
        elif word == "lost":
            self._replace(worker, value)
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

    def _replace(self, worker: W, how: str) -> None:
        self._leave(worker)
        task = self._again(worker.task)
        if task.lost > DEATHS:
            raise WorkerLostError(self._troupe.lost(worker.task, task.lost, how))
        self._workers[worker.place] = self._troupe.hire(worker.place, task)

    def _leave(self, worker: W) -> None:
        del self._workers[worker.place]
        worker.leave()
