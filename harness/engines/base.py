"""What an engine is asked for, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar, runtime_checkable

T = TypeVar("T")

#: Seconds without a result after which whoever waits is told.
IDLE_S = 0.5
#: Tasks for each worker that are played ahead of the result that is asked for: each holds all of its requests.
AHEAD = 4
#: How often workers may die over one task.
DEATHS = 3


class WorkerLostError(Exception):
    """A worker died again and again; the message is one line that says over which task, and what to do."""


@dataclass(frozen=True, slots=True)
class Task:
    """The smallest thing that an engine plays: a range of the requests of one trial of one cell.

    Shard number `shard`, from 0, of `shards` is every so many-th request, so that each spans the whole workload. Of
    those the ones in `done` are on disk; `lost` counts the workers that died over the task. In real time, `take` counts
    how often its run was begun before, and `played_s` are the seconds of its trial that were played then.
    """

    trial: int
    cell: str
    shard: int = 0
    shards: int = 1
    done: frozenset[int] = frozenset()
    lost: int = 0
    take: int = 0
    played_s: float = 0.0

    def numbers(self, requests: int) -> range:
        """Which of a trial's `requests` are in it, those that are done included."""
        return range(self.shard, requests, self.shards)

    def again(self, done: frozenset[int]) -> Task:
        """The same task for another worker, without what is done by now."""
        return replace(self, done=done, lost=self.lost + 1)

    def __str__(self) -> str:
        shard = f", shard {self.shard + 1} of {self.shards}" if self.shards > 1 else ""
        return f"trial {self.trial} of {self.cell}{shard}"


class Engine(Protocol):
    """Plays tasks somewhere and gives their results in order."""

    @property
    def here(self) -> bool:
        """Whether tasks are played in this very process, one after the other, each when its result is asked for.

        What is played then needs no pickling and shares its memory with whoever asks.
        """

    @property
    def workers(self) -> int:
        """How many tasks are played at once."""

    @property
    def notice(self) -> str | None:
        """What whoever asked for it should know: that it is less than was asked for."""

    def in_order(
        self, play: Callable[[Task], T], tasks: Sequence[Task], *, idle: Callable[[], None]
    ) -> Generator[T, None, None]:
        """play(task) of every task, in the order of the tasks.

        Unless it is `here`, `play` and its results survive pickling, and `idle` is called twice a second while the next
        result is not there. A task whose worker is lost is played again. Closing the iterator ends what is under way.
        Raises what `play` raises, and WorkerLostError.
        """


class Stage(Protocol):
    """What a task that is played together with others has to do with them."""

    async def begin(self) -> float:
        """Say that all is prepared, and wait for the instant at which all begin: seconds on `time.monotonic`."""

    def tell(self, part: Any) -> None:
        """Send a part of the result ahead."""


@runtime_checkable
class Synchronised(Engine, Protocol):
    """An engine that can also play tasks at the same time, from one instant on."""

    def at_once(
        self,
        play: Callable[[Task, Stage], T],
        tasks: Sequence[Task],
        *,
        heard: Callable[[Task, Any], None],
        again: Callable[[Task], Task],
        idle: Callable[[], None],
    ) -> list[T]:
        """play(task, stage) of every task, each by a worker of its own; the results in the order of the tasks.

        `heard` gets each part that a task tells, soon after; `again` says what is to be played instead of a task whose
        worker was lost, which begins at once. Raises what `play` and `heard` raise, and WorkerLostError; then nothing
        is left under way.
        """
