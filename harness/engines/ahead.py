"""How the engines of clusters play tasks: some ahead of the one that is asked for, the lost ones again."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness.engines.base import AHEAD, DEATHS, Task, WorkerLostError


@dataclass(frozen=True, slots=True)
class Played:
    """What a task came to."""

    result: Any

    def taken(self) -> Any:
        """The result."""
        return self.result


@dataclass(frozen=True, slots=True)
class Failed:
    """The error that a task ended with."""

    error: BaseException

    def taken(self) -> Any:
        """Raises the error."""
        raise self.error


@dataclass(frozen=True, slots=True)
class Lost:
    """A task's worker died over it, and how."""

    how: str


class Crew(Protocol):
    """Workers somewhere."""

    def has_room(self) -> bool:
        """Whether a worker has nothing to do."""

    def begin(self, place: int, task: Task) -> None:
        """Have one play a task, which stands at a place among all."""

    def ended(self) -> Iterable[tuple[int, Played | Failed | Lost]] | None:
        """Wait for at most IDLE_S seconds; the places of tasks that have ended, and how. None: nothing was heard."""

    def check_patience(self) -> None:
        """Nothing was heard for IDLE_S seconds. Raises WorkerLostError when nobody is left to wait for."""


def in_order(crew: Crew, tasks: Sequence[Task], workers: int, idle: Callable[[], None]) -> Iterator[Any]:
    """The results in the order of the tasks. An error is raised in its turn: what comes before it is not lost."""
    left = list(range(len(tasks)))
    found: dict[int, Played | Failed] = {}
    deaths: Counter[int] = Counter()
    end = len(tasks)
    for asked in range(len(tasks)):
        while asked not in found:
            while left and left[0] < min(end, asked + AHEAD * workers) and crew.has_room():
                place = heapq.heappop(left)
                crew.begin(place, tasks[place])
            heard = crew.ended()
            if heard is None:
                idle()
                crew.check_patience()
                continue
            for place, what in heard:
                if isinstance(what, Lost):
                    deaths[place] += 1
                    if deaths[place] <= DEATHS:
                        heapq.heappush(left, place)
                        continue
                    what = Failed(WorkerLostError(lost(f"{tasks[place]} was played", deaths[place], what.how)))  # noqa: PLW2901
                if isinstance(what, Failed):
                    # What comes after it will not be asked for.
                    end = min(end, place)
                found[place] = what
        yield found.pop(asked).taken()


def lost(over: str, deaths: int, how: str) -> str:
    """The line for a task that no worker survives."""
    return f"{deaths} workers died while {over} ({how}); what was finished is kept"
