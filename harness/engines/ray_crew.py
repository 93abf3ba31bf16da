"""Actors of a Ray cluster that play task after task, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from harness.engines.ahead import Failed, Lost, Played, lost
from harness.engines.base import DEATHS, IDLE_S, Task, WorkerLostError
from harness.engines.clusters import first_line, missing

if TYPE_CHECKING:
    from ray import ObjectRef
    from ray.actor import ActorHandle

#: Seconds without a single actor that plays, after which a run is given up.
NOBODY_S = 120.0


class _Player:
    """What an actor is: it keeps what it plays with, so that a task is all that has to be sent."""

    def __init__(self, pickled: bytes) -> None:
        self._pickled = pickled
        self._play: Callable[[Task], Any] | None = None

    def prepare(self) -> None:
        """Load the experiment, and with it the code that plays it."""
        from ray import cloudpickle

        self._play = cloudpickle.loads(self._pickled)

    def play(self, task: Task) -> Any:
        if self._play is None:
            raise RuntimeError("an actor was asked to play before it was prepared")
        return self._play(task)


class Crew:
    """The actors of one call of `in_order`, and what each has under way."""

    def __init__(self, play: Callable[[Task], Any], size: int, where: str) -> None:
        import ray
        from ray import cloudpickle

        self._where = where
        self._pickled = ray.put(cloudpickle.dumps(play))
        self._actor = ray.remote(num_cpus=1, max_restarts=0, scheduling_strategy="SPREAD")(_Player)
        self._free: list[ActorHandle] = []
        #: What is waited for: the actor, and the place of its task, None while it prepares.
        self._busy: dict[ObjectRef[Any], tuple[ActorHandle, int | None]] = {}
        self._unprepared = 0
        self._silent_s = 0.0
        for _ in range(size):
            self._hire()

    def has_room(self) -> bool:
        """Whether an actor has nothing to do."""
        return bool(self._free)

    def begin(self, place: int, task: Task) -> None:
        """Have one play a task."""
        actor = self._free.pop()
        self._busy[actor.play.remote(task)] = actor, place

    def dismiss(self) -> None:
        """End the actors, whatever they have under way."""
        import ray

        for actor in [*self._free, *(actor for actor, _ in self._busy.values())]:
            with suppress(Exception):
                ray.kill(actor)
        self._free, self._busy = [], {}

    def _hire(self) -> None:
        actor = self._actor.remote(self._pickled)
        self._busy[actor.prepare.remote()] = actor, None

    def ended(self) -> list[tuple[int, Played | Failed | Lost]] | None:
        """What tasks came to within IDLE_S seconds; None: nothing was heard. Raises what keeps actors from playing."""
        import ray

        ready, _ = ray.wait(list(self._busy), timeout=IDLE_S)
        return [end for ref in ready for end in self._end(ref)] if ready else None

    def _end(self, ref: ObjectRef[Any]) -> Iterator[tuple[int, Played | Failed | Lost]]:
        """What came of a task, if it was one."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        actor, place = self._busy.pop(ref)
        try:
            result = ray.get(ref)
        except RayTaskError as error:
            self._free.append(actor)
            mendable = self._mendable(error.cause)
            if place is None:
                raise mendable from None
            yield place, Failed(mendable)
        except RayError as error:
            self._replace(actor)
            if place is not None:
                yield place, Lost(first_line(error))
                return
            self._unprepared += 1
            if self._unprepared > DEATHS:
                raise WorkerLostError(lost("the code was prepared", self._unprepared, first_line(error))) from None
        else:
            self._silent_s = 0.0
            self._free.append(actor)
            if place is not None:
                yield place, Played(result)

    def _mendable(self, error: BaseException) -> BaseException:
        return missing(error, self._where) if isinstance(error, ImportError) else error

    def _replace(self, actor: ActorHandle) -> None:
        """Another actor for one that died, or whose result was lost with its node."""
        import ray

        with suppress(Exception):
            ray.kill(actor)
        self._hire()

    def check_patience(self) -> None:
        """Give up when all that is left are actors that no node has room for."""
        if self._free or any(place is not None for _, place in self._busy.values()):
            return
        self._silent_s += IDLE_S
        if self._silent_s > NOBODY_S:
            raise WorkerLostError(
                f"no worker of {self._where} has started for {NOBODY_S:g} s; what was finished is kept"
            )
