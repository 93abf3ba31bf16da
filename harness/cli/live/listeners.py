"""The two listeners of a run: one draws the live view, the other prints lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from harness.cli.live.display import Display
from harness.cli.live.lines import SparseLines
from harness.cli.live.plan import Plan
from harness.cli.live.state import State
from harness.records import Outcome


class Account:
    """Keeps the state of a run from its events."""

    def __init__(self, plan: Plan, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.state = State(plan, now=clock())
        self._place = ("", 0)

    def started(self, *, requests: int, recorded: int) -> None:  # noqa: ARG002 - they are told by `recalled`
        """Begin the account anew: a run of unknown length goes on in stages, each of more trials."""
        plan = self.state.plan
        self.state = State(replace(plan, trials=max(1, requests // plan.requests_per_trial)), now=self._clock())

    def recalled(self, outcomes: Iterable[Outcome]) -> None:
        """Take in what is on disk."""
        for outcome in outcomes:
            self.state.recall(outcome, now=self._clock())
        self.state.since = self.state.heard = self._clock()

    def trial_started(self, *, cell: str, trial: int, trials: int, batches: int) -> None:  # noqa: ARG002 - as planned
        """Note where the run is."""
        self._place = (cell, trial)

    def batch_started(self, *, batch: int, requests: int) -> None:  # noqa: ARG002 - as planned
        """Note which batch is in flight."""
        cell, trial = self._place
        self.state.batch_started(cell=cell, trial=trial, batch=batch, now=self._clock())
        self.changed(self.state.heard)

    def finished(self, outcome: Outcome) -> None:
        """Count a request."""
        now = self._clock()
        self.state.finished(outcome, now=now)
        self.changed(now)

    def cell_failed(self, *, cell: str, trial: int, reason: str) -> None:
        """Note which cell was given up, and say so."""
        self.state.cell_failed(cell, reason)
        self.said(f"cell {cell} failed: trial {trial}: {reason}")

    def idle(self) -> None:
        """Nothing to note."""

    def ended(self) -> None:
        """Nothing to note."""

    def changed(self, now: float) -> None:
        """The state is another one."""

    def said(self, text: str) -> None:
        """There is something to say at once."""


class Live(Account):
    """Draws the view, at most ten times a second, in the thread that plays the run."""

    def __init__(self, plan: Plan, display: Display, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(plan, clock=clock)
        self._display = display

    def changed(self, now: float) -> None:
        """Draw if it is time to; what arrives all at once, a trial from another process, is drawn when it is whole."""
        if self._display.is_due(now):
            batch = self.state.batch
            if batch is None or batch.announced or batch.done >= batch.size:
                self._display.draw(self.state, now=now)

    def idle(self) -> None:
        """Let the times go on while nothing arrives."""
        now = self._clock()
        if self._display.is_idle(now):
            self._display.draw(self.state, now=now)

    def said(self, text: str) -> None:
        """Print above the view."""
        self._display.above(text)

    def ended(self) -> None:
        """Take the view away; the table comes next."""
        self._display.close()


class Lines(Account):
    """A line at the start, at every tenth of the run or every ten seconds, and at the end."""

    def __init__(self, plan: Plan, lines: SparseLines, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(plan, clock=clock)
        self._lines = lines

    def started(self, *, requests: int, recorded: int) -> None:
        """Say how much there is to do."""
        super().started(requests=requests, recorded=recorded)
        already = f", {recorded:,} of them on disk already" if recorded else ""
        self.said(f"{requests:,} requests to play{already}")
        self._lines.begin(self.state, now=self._clock())

    def recalled(self, outcomes: Iterable[Outcome]) -> None:
        """Take in what is on disk; nothing of it is news."""
        super().recalled(outcomes)
        self._lines.begin(self.state, now=self._clock())

    def changed(self, now: float) -> None:
        """Say so now and then."""
        self._lines.show(self.state, now=now)

    def said(self, text: str) -> None:
        """Print it."""
        self._lines.say(text)
