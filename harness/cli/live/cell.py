"""What one cell, and the batch in flight, have come to."""

from __future__ import annotations

from dataclasses import dataclass

from harness.cli.live.plan import CellPlan
from harness.cli.live.stalls import Median, stalled
from harness.records import Outcome

_OK, _FAILED = 1, 2


class CellState:
    """What a cell has come to: requests done, trials that are whole, failures, stalls and load so far."""

    __slots__ = ("_left", "_trials", "attempts", "done", "failed", "median", "plan", "reason", "records", "stalls")

    def __init__(self, plan: CellPlan) -> None:
        self.plan = plan
        self.done = self.failed = self.stalls = self.records = self.attempts = 0
        self.median = Median()
        #: Why the cell was given up, if it was.
        self.reason: str | None = None
        #: A byte for each request of a trial, for one may be recorded twice when a run is resumed; and how many are 0.
        self._trials: dict[int, bytearray] = {}
        self._left: dict[int, int] = {}

    @property
    def whole(self) -> int:
        """Trials of which every request has ended."""
        return sum(not left for left in self._left.values())

    @property
    def load(self) -> float | None:
        """Attempts per request so far; None before the first."""
        return self.attempts / self.records if self.records else None

    def share(self, trials: int) -> float:
        """The share of `trials` trials that is done."""
        return min(1.0, self.done / (self.plan.requests * trials))

    def done_in(self, trial: int, batch: int) -> int:
        """Requests of a batch that have ended."""
        size = self.plan.batch_size
        part = self._trials.get(trial, bytearray())[batch * size : (batch + 1) * size]
        return len(part) - part.count(0)

    def add(self, outcome: Outcome) -> tuple[bool, bool]:
        """Count an outcome; whether it stalled, and whether its request had no record before."""
        trial, place = outcome.trial, outcome.request
        seen = self._trials.get(trial)
        if seen is None:
            seen = self._trials[trial] = bytearray(self.plan.requests)
            self._left[trial] = self.plan.requests
        before = seen[place] if place < len(seen) else _OK
        ended = _OK if outcome.outcome == "ok" else _FAILED
        if not before:
            self.done += 1
            self._left[trial] -= 1
        if place < len(seen):
            seen[place] = ended
        self.failed += (ended == _FAILED) - (before == _FAILED)
        self.records += 1
        self.attempts += len(outcome.attempts)
        stall = stalled(outcome, self.median.value)
        self.stalls += stall
        self.median.add(outcome.end_s - outcome.start_s)
        return stall, not before


@dataclass
class Batch:
    """The batch in flight, or the latest one.

    `start_s` and `last_s` are its release and its latest end by the run's own clock, `released` its release by the
    watcher's. Unless `announced`, its requests are known only since they ended.
    """

    cell: CellState
    trial: int
    number: int
    released: float
    announced: bool = False
    start_s: float | None = None
    last_s: float = 0.0

    @property
    def size(self) -> int:
        """Requests in it; the last batch of a trial may be shorter."""
        plan = self.cell.plan
        return max(1, min(plan.batch_size, plan.requests - self.number * plan.batch_size))

    @property
    def done(self) -> int:
        """Requests of it that have ended."""
        return self.cell.done_in(self.trial, self.number)

    @property
    def elapsed_s(self) -> float:
        """Seconds of the run's clock from its release to its latest end."""
        return 0.0 if self.start_s is None else self.last_s - self.start_s

    def holds(self, cell: CellState, outcome: Outcome) -> bool:
        """Whether an outcome belongs to it."""
        return self.cell is cell and self.number == outcome.batch and self.trial == outcome.trial

    def add(self, outcome: Outcome) -> None:
        """Note when one of its requests ended."""
        if self.start_s is None or outcome.start_s < self.start_s:
            self.start_s = outcome.start_s
        self.last_s = max(self.last_s, outcome.end_s)
