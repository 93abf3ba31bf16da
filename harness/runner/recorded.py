"""What is on disk of a run: of a million requests, which ones and what they came to, in eight megabytes."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from hashlib import blake2b

from harness.records import Outcome

Key = tuple[str, int, int]


class Recorded:
    """The requests that have a record, by cell, trial and number, each with a digest of its latest outcome.

    A digest has 64 bits, the last of which says whether the request failed; 0 stands for no record.
    """

    def __init__(self, outcomes: Iterable[Outcome] = ()) -> None:
        self._trials: dict[tuple[str, int], array[int]] = {}
        self._last: dict[tuple[str, int], float] = {}
        #: Of batches of later takes: the latest, and how many of its requests are recorded.
        self._later: dict[tuple[str, int, int], tuple[int, int]] = {}
        self._take = self._count = self.failed = 0
        for outcome in outcomes:
            self.add(outcome)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, key: Key) -> bool:
        return bool(self._digest(key))

    def add(self, outcome: Outcome) -> None:
        """Take in an outcome; of two for one request the later counts."""
        cell, trial, number = outcome.key
        digests = self._trials.setdefault((cell, trial), array("Q"))
        if number >= len(digests):
            digests.frombytes(bytes(8 * (number + 1 - len(digests))))
        before, found = digests[number], _digest(outcome)
        digests[number] = found
        self._count += not before
        self.failed += (found & 1) - (before & 1)
        self._last[cell, trial] = max(outcome.end_s, self._last.get((cell, trial), 0.0))
        if outcome.take:
            self._take = max(self._take, outcome.take)
            latest, count = self._later.get((cell, trial, outcome.batch), (0, 0))
            count = count + 1 if outcome.take == latest else 1
            self._later[cell, trial, outcome.batch] = outcome.take, count

    @property
    def next_take(self) -> int:
        """How often the run was begun before, as far as records tell: 0 where there are none."""
        return self._take + 1 if self._count else 0

    def last_s(self, cell: str, trial: int) -> float:
        """When the last request of a trial that is recorded ended, in seconds of the trial."""
        return self._last.get((cell, trial), 0.0)

    def is_torn(self, cell: str, trial: int, batch: int, size: int) -> bool:
        """Whether a batch of so many requests was begun anew and not ended: its records are of two takes."""
        return self._later.get((cell, trial, batch), (0, size))[1] < size

    def same(self, outcome: Outcome) -> bool:
        """Whether the latest record of this request is this very outcome."""
        return self._digest(outcome.key) == _digest(outcome)

    def _digest(self, key: Key) -> int:
        digests = self._trials.get(key[:2], _NONE)
        return digests[key[2]] if key[2] < len(digests) else 0


_NONE = array("Q")


def _digest(outcome: Outcome) -> int:
    found = int.from_bytes(blake2b(outcome.to_json().encode(), digest_size=8).digest(), "big")
    # Not 0, whatever the bits: 2 is as good as any.
    return (found & ~1 or 2) | (not outcome.ok)
