"""How long work tells how far it is, to whoever draws it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Called now and then with the share of the work that is done, from 0 to 1.
Progress = Callable[[float], None]


def nobody(share: float) -> None:
    """Tell nobody."""


@contextmanager
def unseen() -> Iterator[Progress]:
    """Work that nobody watches."""
    yield nobody


def part(progress: Progress, begin: float, end: float) -> Progress:
    """The progress of a part of the work, which as a whole goes from `begin` to `end`."""
    return lambda share: progress(begin + (end - begin) * share)
