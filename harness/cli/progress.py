"""What a run shows on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

from harness.records import Outcome
from harness.runner import Listener

if TYPE_CHECKING:
    from rich.progress import Progress


def progress() -> Listener:
    """The bar where standard error is a terminal, plain lines where it is a file, a pipe or a CI log."""
    return Bar() if sys.stderr.isatty() else Lines(sys.stderr)


class _Counts:
    """What both displays count."""

    def __init__(self) -> None:
        self.total = self.done = self.failed = 0
        self.played = 0
        self.place = ""
        self.batch = ""
        self._begun = time.monotonic()

    def started(self, *, requests: int, recorded: int) -> None:
        """Note how much there is to do."""
        self.total, self.done = requests, recorded
        self._begun = time.monotonic()

    def trial_started(self, *, cell: str, trial: int, trials: int, batches: int) -> None:
        """Note where the run is."""
        self.place = f"trial {trial + 1}/{trials} {cell}"
        self._batches = batches

    def batch_started(self, *, batch: int, requests: int) -> None:
        """Nothing to note: each outcome names its batch, also where another process played it."""

    def finished(self, outcome: Outcome) -> None:
        """Count a request."""
        self.batch = f"batch {outcome.batch + 1}/{self._batches}"
        self.done = min(self.done + 1, self.total)
        self.played += 1
        self.failed += not outcome.ok

    @property
    def time_left(self) -> str:
        """Time left at the pace so far, as m:ss."""
        if not self.played:
            return "-:--"
        seconds = (time.monotonic() - self._begun) / self.played * (self.total - self.done)
        return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Lines(_Counts):
    """A line at the start, at every tenth of the run or every ten seconds, and at the end."""

    def __init__(self, stream: TextIO, every: float = 10.0) -> None:
        super().__init__()
        self._stream = stream
        self._every = every
        self._last = time.monotonic()
        self._tenth = 0

    def started(self, *, requests: int, recorded: int) -> None:
        """Say how much there is to do."""
        super().started(requests=requests, recorded=recorded)
        already = f", {recorded:,} of them on disk already" if recorded else ""
        self._say(f"{requests:,} requests to play{already}")
        self._tenth = 10 * self.done // max(1, self.total)

    def finished(self, outcome: Outcome) -> None:
        """Count a request and say so now and then."""
        super().finished(outcome)
        tenth = 10 * self.done // self.total
        if tenth > self._tenth or time.monotonic() - self._last > self._every:
            self._tenth = tenth
            self._last = time.monotonic()
            self._say(
                f"{self.done:,}/{self.total:,} requests, {self.failed:,} failed, "
                f"{self.place}, {self.batch}, {self.time_left} left"
            )

    def cell_failed(self, *, cell: str, trial: int, reason: str) -> None:
        """Say it at once."""
        self._say(f"cell {cell} failed: trial {trial}: {reason}")

    def ended(self) -> None:
        """Leave the last line standing."""

    def _say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class Bar(_Counts):
    """A rich progress bar: cell, trial, batch, requests done, failures, time left."""

    REFRESH = 0.1

    def __init__(self) -> None:
        super().__init__()
        self._progress: Progress | None = None
        self._next = 0.0

    def started(self, *, requests: int, recorded: int) -> None:
        """Draw the bar."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        super().started(requests=requests, recorded=recorded)
        self._progress = Progress(
            TextColumn("{task.fields[place]}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failed]} failed"),
            TextColumn("{task.fields[left]} left"),
            console=Console(stderr=True),
            # A thread that draws would wake a loop that may be virtual; this listener draws by itself.
            auto_refresh=False,
            transient=True,
        )
        self._task = self._progress.add_task("run", total=requests, completed=recorded, place="", failed=0, left="-:--")
        self._progress.start()

    def finished(self, outcome: Outcome) -> None:
        """Count a request; draw at most ten times a second."""
        super().finished(outcome)
        if time.monotonic() >= self._next:
            self._draw()
            self._next = time.monotonic() + self.REFRESH

    def cell_failed(self, *, cell: str, trial: int, reason: str) -> None:
        """Say it above the bar."""
        if self._progress is not None:
            self._progress.console.print(f"cell {cell} failed: trial {trial}: {reason}", markup=False)

    def ended(self) -> None:
        """Take the bar away; the table comes next."""
        if self._progress is not None:
            self._draw()
            self._progress.stop()

    def _draw(self) -> None:
        if self._progress is None:
            return
        self._progress.update(
            self._task,
            completed=self.done,
            place=f"{self.place} {self.batch}",
            failed=self.failed,
            left=self.time_left,
            refresh=True,
        )
