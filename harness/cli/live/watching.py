"""Looking at a run again and again until it is over."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Protocol

from harness.cli.live.display import Display
from harness.cli.live.follow import KILLED, Followed
from harness.cli.live.lines import SparseLines
from harness.cli.live.state import State
from harness.cli.live.text import duration
from harness.cli.next import resume

#: Seconds between two looks.
EVERY_S = 0.25
#: Silence in seconds that plain lines mention, and again whenever it has doubled.
SILENCE_S = 60.0


class Shown(Protocol):
    """What shows a state."""

    def show(self, state: State, *, now: float) -> None:
        """Show it, if it is time to."""

    def close(self) -> None:
        """Take it away."""


class Drawn:
    """The live view: every look is drawn, for times go on while nothing arrives."""

    def __init__(self, display: Display) -> None:
        self._display = display

    def show(self, state: State, *, now: float) -> None:
        """Draw it."""
        self._display.draw(state, now=now)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._display.close()


class Printed:
    """Plain lines, and one when nothing has come for long."""

    def __init__(self, lines: SparseLines) -> None:
        self._lines = lines
        self._patience = SILENCE_S
        self._begun = False

    def show(self, state: State, *, now: float) -> None:
        """Say where it is now and then."""
        if not self._begun:
            self._lines.begin(state, now=now)
            self._lines.say_where(state, now=now)
            self._begun = True
        silent = state.silent_s(now)
        if silent < SILENCE_S:
            self._patience = SILENCE_S
            self._lines.show(state, now=now)
        elif silent >= self._patience:
            self._patience = 2 * silent
            self._lines.say(f"nothing came for {duration(silent)}; has the run died?")

    def close(self) -> None:
        """Leave the lines standing."""


def watch(run: Followed, shown: Shown, *, wait: Callable[[float], None]) -> None:
    """Show a run until it is over; the caller has looked at it once. `wait` lets so many seconds pass."""
    try:
        while run.is_running:
            shown.show(run.state, now=run.now)
            wait(EVERY_S)
            run.look()
    finally:
        shown.close()


def conclusion(run: Followed) -> str:
    """How a run ended and what to do next, in one line."""
    state = run.state
    given_up = run.manifest.get("failed_cells")
    cells = f", given up: {', '.join(given_up)}" if given_up else ""
    counts = f"{state.done:,}/{state.total:,} requests, {state.failed:,} failed{cells}"
    advice = f"harness report {run.folder.path}"
    if run.status == KILLED:
        advice = resume(shlex.split(run.manifest.get("command", ""))[2:], run.folder.path)
    return f"{state.plan.experiment}: {run.status}, {counts}; next: {advice}"
