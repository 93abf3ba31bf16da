"""What long work shows on stderr, chosen by where that goes: drawings on a terminal, else plain lines or nothing."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from harness.progress import Progress, nobody

if TYPE_CHECKING:
    from rich.console import Console

    from harness.cli.live.watching import Shown
    from harness.runner import Listener

#: Work that is done sooner shows nothing, and a bar is drawn so often at most; seconds.
PATIENCE_S, EVERY_S = 0.5, 0.1


def terminal() -> Console | None:
    """Standard error where things can be drawn on it; None for a file, a pipe, a dumb terminal and in CI."""
    if not sys.stderr.isatty() or os.environ.get("CI", "").lower() not in {"", "0", "false"}:
        return None
    from rich.console import Console

    console = Console(stderr=True)
    return console if console.is_terminal and not console.is_dumb_terminal else None


def progress(manifest: Mapping[str, Any]) -> Listener:
    """The live view of the run that a manifest describes on a terminal, plain lines elsewhere."""
    from harness.cli.live.display import Display
    from harness.cli.live.lines import SparseLines
    from harness.cli.live.listeners import Lines, Live
    from harness.cli.live.plan import plan_of

    console, plan = terminal(), plan_of(manifest)
    return Lines(plan, SparseLines(sys.stderr)) if console is None else Live(plan, Display(console))


def shown() -> Shown:
    """The same for a run that another process plays."""
    from harness.cli.live.display import Display
    from harness.cli.live.lines import SparseLines
    from harness.cli.live.watching import Drawn, Printed

    console = terminal()
    return Printed(SparseLines(sys.stderr)) if console is None else Drawn(Display(console))


@contextmanager
def working(
    label: str, *, console: Console | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Progress]:
    """Long work of a known length: gives `tick(share)`, to be called as it goes on.

    On a terminal a bar appears once it has taken half a second, and goes when it is over; elsewhere nothing is shown.
    """
    console = console or terminal()
    if console is None:
        yield nobody
        return
    bar = _Bar(label, console, clock)
    try:
        yield bar.tick
    finally:
        bar.close()


class _Bar:
    """A bar that draws by itself when it is told a share, if it is time to."""

    def __init__(self, label: str, console: Console, clock: Callable[[], float]) -> None:
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Drawn

        self._clock = clock
        self._due = clock() + PATIENCE_S
        self._drawn = Drawn(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            # A thread that draws would take its time from the work.
            auto_refresh=False,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
            get_time=clock,
        )
        self._task = self._drawn.add_task(label, total=1.0)
        self._visible = False

    def tick(self, share: float) -> None:
        """So much of it is done."""
        now = self._clock()
        if now < self._due:
            return
        self._due = now + EVERY_S
        if not self._visible:
            self._drawn.start()
            self._visible = True
        self._drawn.update(self._task, completed=share, refresh=True)

    def close(self) -> None:
        """Take it away."""
        if self._visible:
            self._drawn.stop()
