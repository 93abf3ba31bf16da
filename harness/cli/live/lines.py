"""The state of a run as plain, sparse lines, for files, pipes and CI."""

from __future__ import annotations

from typing import TextIO

from harness.cli.live.state import State
from harness.cli.live.text import duration
from harness.cli.output import write_line


class SparseLines:
    """A line at every tenth of the run or every ten seconds, whichever comes first."""

    def __init__(self, stream: TextIO, every: float = 10.0) -> None:
        self._stream = stream
        self._every = every
        self._last = 0.0
        self._tenth = 0

    def begin(self, state: State, *, now: float) -> None:
        """Count from here."""
        self._tenth, self._last = _tenth(state), now

    def show(self, state: State, *, now: float) -> None:
        """Say where the run is, if it is time to."""
        tenth = _tenth(state)
        if tenth > self._tenth or now - self._last > self._every:
            self._tenth, self._last = tenth, now
            self.say_where(state, now=now)

    def say_where(self, state: State, *, now: float) -> None:
        """Say where the run is at once."""
        self.say(sentence(state, now=now))

    def say(self, text: str) -> None:
        """Print a line at once."""
        write_line(text, self._stream)


def sentence(state: State, *, now: float) -> str:
    """Where a run is, in one line."""
    place = ""
    if (batch := state.batch) is not None:
        plan = batch.cell.plan
        place = (
            f"trial {batch.trial + 1}/{max(state.plan.trials, batch.trial + 1)} {plan.name}, "
            f"batch {batch.number + 1}/{plan.batches}, "
        )
    return (
        f"{state.done:,}/{state.total:,} requests, {state.failed:,} failed, {place}{duration(state.left_s(now))} left"
    )


def _tenth(state: State) -> int:
    return 10 * state.done // max(1, state.total)
