"""What an engine is asked for, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

T = TypeVar("T")


class WorkerLostError(Exception):
    """A worker died again and again; the message is one line that says over which task, and what to do."""


@dataclass(frozen=True, slots=True)
class Task:
    """The smallest thing that an engine plays: a range of the requests of one trial of one cell.

    The requests are cut into `shards` ranges of equal length, but for one request; this is number `shard`, from 0.
    """

    trial: int
    cell: str
    shard: int = 0
    shards: int = 1

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

    def in_order(
        self, play: Callable[[Task], T], tasks: Sequence[Task], *, idle: Callable[[], None]
    ) -> Generator[T, None, None]:
        """play(task) of every task, in the order of the tasks.

        Unless it is `here`, `play` and its results survive pickling, and `idle` is called twice a second while the next
        result is not there. A task whose worker is lost is played again. Closing the iterator ends what is under way.
        Raises what `play` raises, and WorkerLostError.
        """
