"""The engine that is this process."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from harness.engines.base import Task

T = TypeVar("T")


class Local:
    """Plays a task when its result is asked for."""

    here = True
    workers = 1
    notice = None

    def in_order(
        self,
        play: Callable[[Task], T],
        tasks: Sequence[Task],
        *,
        idle: Callable[[], None],  # noqa: ARG002 - nobody waits for another process
    ) -> Generator[T, None, None]:
        """One after the other."""
        for task in tasks:
            yield play(task)


@contextmanager
def opened(*, most: int | None, options: Mapping[str, Any]) -> Iterator[Local]:  # noqa: ARG001 - it is always one worker
    """Nothing is needed for it."""
    yield Local()
