"""What is known of a run while it goes on: a pure account of the outcomes so far.

Two kinds of time meet here. Seconds in outcomes are those of the run's own clock, counted from the start of a trial.
`now` is the watcher's time in seconds, of the day or since some moment, but always of one kind: the pace of the run and
the time left are reckoned in it.
"""

from __future__ import annotations

from collections import deque

from harness.cli.live.cell import Batch, CellState
from harness.cli.live.plan import Plan
from harness.records import Outcome

#: So many of the slowest requests, and of the latest stalls, are kept.
SLOWEST = STALLS = 5


class State:
    """The account of one run. Feed it in order; ask it whenever it is to be shown."""

    def __init__(self, plan: Plan, *, now: float) -> None:
        self.plan = plan
        self.cells = {cell.name: CellState(cell) for cell in plan.cells}
        self.done = self.failed = self.stalls = self.records = self.attempts = 0
        #: Requests that ended since `since`, from which the pace follows.
        self.played = 0
        #: Beginning of the account, and when something was heard last.
        self.since = self.heard = now
        self.batch: Batch | None = None
        self.slowest: list[Outcome] = []
        self.latest_stalls: deque[Outcome] = deque(maxlen=STALLS)

    # -- what happens

    def batch_started(self, *, cell: str, trial: int, batch: int, now: float) -> None:
        """A batch is released."""
        self.batch = Batch(self.cells[cell], trial, batch, now, announced=True)
        self.heard = now

    def finished(self, outcome: Outcome, *, now: float) -> None:
        """A request ended, and counts for the pace."""
        self.played += 1
        self.recall(outcome, now=now)

    def recall(self, outcome: Outcome, *, now: float) -> None:
        """A request ended before the account began; one of a cell that the plan does not name is passed over."""
        cell = self.cells.get(outcome.cell)
        if cell is None:
            return
        failed = cell.failed
        stall, is_new = cell.add(outcome)
        self.failed += cell.failed - failed
        self.done += is_new
        self.stalls += stall
        self.records += 1
        self.attempts += len(outcome.attempts)
        self.heard = now
        if stall:
            self.latest_stalls.append(outcome)
        if self.batch is None or not self.batch.holds(cell, outcome):
            # Nobody said that it began: it did as long ago as this request took.
            self.batch = Batch(cell, outcome.trial, outcome.batch, now - (outcome.end_s - outcome.start_s))
        self.batch.add(outcome)
        self._rank(outcome)

    def cell_failed(self, cell: str, reason: str) -> None:
        """A cell was given up."""
        self.cells[cell].reason = reason

    def _rank(self, outcome: Outcome) -> None:
        slowest = self.slowest
        if len(slowest) == SLOWEST and outcome.end_s - outcome.start_s <= slowest[-1].end_s - slowest[-1].start_s:
            return
        others = [one for one in slowest if one.key != outcome.key]
        self.slowest = sorted([*others, outcome], key=lambda one: one.start_s - one.end_s)[:SLOWEST]

    # -- what is asked

    @property
    def total(self) -> int:
        """Requests of the whole run."""
        return self.plan.requests

    @property
    def share(self) -> float:
        """The share of the run that is done."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    @property
    def load(self) -> float | None:
        """Attempts per request so far; None before the first."""
        return self.attempts / self.records if self.records else None

    def pace(self, now: float) -> float | None:
        """Requests per second of the watcher's time; None before the first."""
        return self.played / (now - self.since) if self.played and now > self.since else None

    def left_s(self, now: float) -> float | None:
        """Seconds until all is done at the pace so far, by the watcher's time; None while there is none."""
        pace = self.pace(now)
        return None if pace is None else max(0, self.total - self.done) / pace

    def silent_s(self, now: float) -> float:
        """Seconds since anything was heard of the run, by the watcher's time."""
        return max(0.0, now - self.heard)

    def batch_s(self, now: float) -> float:
        """Seconds that the batch has taken: by the watcher's time while it fills in real time, else as recorded."""
        batch = self.batch
        if batch is None:
            return 0.0
        if self.plan.clock == "real" and batch.done < batch.size:
            return max(batch.elapsed_s, now - batch.released)
        return batch.elapsed_s
