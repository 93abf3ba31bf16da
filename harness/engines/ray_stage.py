"""Actors of a Ray cluster that play at the same time, in real time, and tell what they have as it comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from harness.clock import until
from harness.engines.ahead import lost
from harness.engines.base import IDLE_S, Stage, Task, WorkerLostError
from harness.engines.clusters import first_line, missing
from harness.engines.together import Word

if TYPE_CHECKING:
    from ray import ObjectRefGenerator
    from ray.actor import ActorHandle

#: Seconds without a word, while not all are prepared, after which a run is given up: no node has room for them.
NOBODY_S = 120.0

Play = Callable[[Task, Stage], Any]


class Performers:
    """Actors, each of which plays one task."""

    def __init__(self, play: Play, where: str) -> None:
        import ray
        from ray import cloudpickle

        self._pickled: bytes = cloudpickle.dumps(play)
        self._where = where
        # Who performs speaks with one thread and listens with the other.
        options = {"num_cpus": 1, "max_restarts": 0, "max_concurrency": 2, "scheduling_strategy": "SPREAD"}
        self._actor = ray.remote(**options)(_Performer)
        self._silent_s = 0.0

    def hire(self, place: int, task: Task) -> Performer:
        """Start an actor. What it plays, with its key, is handed to it alone: the cluster keeps no copy."""
        actor = self._actor.remote()
        said = actor.perform.options(num_returns="streaming").remote(self._pickled, task)
        return Performer(place, task, actor, said)

    def heard(self, workers: Sequence[Performer]) -> Iterator[tuple[Performer, Word, Any]]:
        """What actors have yielded. Raises what keeps them from playing at all, and WorkerLostError."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        ready, _ = ray.wait([worker.said for worker in workers], timeout=IDLE_S)
        if not ready:
            self._check_patience(workers)
        for worker in (worker for worker in workers if any(worker.said is one for one in ready)):
            self._silent_s = 0.0
            word: Word
            try:
                word, value = ray.get(next(worker.said))
            except RayTaskError as error:
                cause = error.cause
                raise (missing(cause, self._where) if isinstance(cause, ImportError) else cause) from None
            except (RayError, StopIteration) as error:
                word, value = "lost", first_line(error)
            yield worker, word, value

    def lost(self, task: Task, deaths: int, how: str) -> str:
        """The line for actors."""
        return lost(f"{task} was played", deaths, how)

    def _check_patience(self, workers: Sequence[Performer]) -> None:
        self._silent_s = 0.0 if all(worker.is_ready for worker in workers) else self._silent_s + IDLE_S
        if self._silent_s > NOBODY_S:
            raise WorkerLostError(
                f"no worker of {self._where} has started for {NOBODY_S:g} s; what was finished is kept"
            )


class Performer:
    """One actor, seen from the process that waits for it."""

    def __init__(self, place: int, task: Task, actor: ActorHandle, said: ObjectRefGenerator) -> None:
        self.place, self.task, self.said = place, task, said
        self.is_ready = self._has_begun = False
        self._actor = actor

    def begin(self, instant: float) -> None:
        """Say how long to wait: clocks of two machines have nothing in common, so they differ by the word's way."""
        if not self._has_begun:
            self._has_begun = True
            self._actor.begin.remote(instant - time.monotonic())

    def leave(self) -> None:
        """End it, so that its CPU is free."""
        import ray

        with suppress(Exception):
            ray.kill(self._actor)

    def dismiss(self) -> None:
        """End it, whatever it plays."""
        self.leave()


class _Performer:
    """What an actor is."""

    def __init__(self) -> None:
        self._stage = _Stage()

    def perform(self, pickled: bytes, task: Task) -> Iterator[tuple[Word, Any]]:
        """Play a task, and yield what it says, the result or its error at last."""
        from ray import cloudpickle

        play: Play = cloudpickle.loads(pickled)
        Thread(target=self._stage.play, args=(play, task), daemon=True).start()
        yield from self._stage.words()

    def begin(self, wait_s: float) -> None:
        """Have it begin in so many seconds, or count from so many seconds ago."""
        self._stage.open(wait_s)


class _Stage:
    """What is said and heard between the thread that plays and those of the actor."""

    def __init__(self) -> None:
        self._words: SimpleQueue[tuple[Word, Any]] = SimpleQueue()
        self._begins: Future[float] = Future()

    async def begin(self) -> float:
        self._words.put(("ready", None))
        begins = await asyncio.wrap_future(self._begins)
        await until(begins)
        return begins

    def tell(self, part: Any) -> None:
        self._words.put(("part", part))

    def play(self, play: Play, task: Task) -> None:
        try:
            result = play(task, self)
        except Exception as error:
            self._words.put(("error", error))
        else:
            self._words.put(("result", result))

    def open(self, wait_s: float) -> None:
        self._begins.set_result(time.monotonic() + wait_s)

    def words(self) -> Iterator[tuple[Word, Any]]:
        word: Word = "ready"
        while word not in {"result", "error"}:
            word, value = self._words.get()
            yield word, value
