"""The outcomes of a task on their way to whoever keeps them."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterator

from harness.records import Outcome

#: Outcomes that are packed, and unpacked, at once.
GROUP = 1_000


class Packed:
    """Outcomes in order, in some fifty bytes each rather than two thousand: a task may have a million of them."""

    def __init__(self) -> None:
        self._groups: list[bytes] = []
        self._open: list[Outcome] = []

    def append(self, outcome: Outcome) -> None:
        """Add one."""
        self._open.append(outcome)
        if len(self._open) == GROUP:
            self._groups.append(zlib.compress(pickle.dumps(self._open, pickle.HIGHEST_PROTOCOL), 1))
            self._open = []

    def __iter__(self) -> Iterator[Outcome]:
        for group in self._groups:
            yield from pickle.loads(zlib.decompress(group))  # noqa: S301 - our own worker has packed it
        yield from self._open
