"""Drawing the live view on a terminal, in place, without a thread and at a price that is kept small."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from datetime import datetime

from rich.cells import cell_len
from rich.console import Console
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType

from harness.cli.live.screen import Screen
from harness.cli.live.state import State
from harness.cli.live.text import ASCII, Glyphs
from harness.cli.live.view import view

#: Seconds between two drawings at least, and how long a view stands still before it looks dead.
EVERY_S, IDLE_S = 0.1, 0.4
#: Drawing may take this share of the time: a slow terminal is drawn on less often.
SHARE = 0.015


class Display:
    """Draws a state when it is told to; `is_due` and `is_idle` say whether it should be told.

    Nothing wakes it up by itself: a thread would take its time from what is measured at any moment. What a drawing has
    cost decides when the next one is due.
    """

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._live: Live | None = None
        self._due = self._drawn = -math.inf
        self._size = (0, 0)
        self._lengths: list[int] = []

    def is_due(self, at: float) -> bool:
        """Whether the next drawing is due; cheap enough to be asked for every request."""
        return at >= self._due

    def is_idle(self, at: float) -> bool:
        """Whether nothing has been drawn for so long that the view looks dead."""
        return at >= max(self._due, self._drawn + IDLE_S)

    def draw(self, state: State, *, now: float) -> None:
        """Draw; `now` is the time that the state is reckoned in."""
        begun = self._clock()
        if self._live is None:
            self._live = self._opened()
        self._keep_up_with_size()
        width, height = self._size
        glyphs = ASCII if self._console.options.ascii_only else Glyphs()
        # A terminal whose last line is full scrolls, so that one stays free.
        shown = view(state, Screen(width, max(1, height - 1), now, datetime.now().astimezone(), glyphs))
        self._lengths = [cell_len(str(line)) for line in shown.renderables]
        self._live.update(shown, refresh=True)
        self._drawn = self._clock()
        self._due = self._drawn + max(EVERY_S, (self._drawn - begun) / SHARE)

    def above(self, text: str) -> None:
        """Print a line that stays, above the view."""
        self._console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """Take the view away: what follows says what came of it."""
        if self._live is not None:
            self._keep_up_with_size()
            # The library draws once more before it ends, whether or not that still fits.
            self._live.update("")
            self._live.stop()
            self._live = None

    def _opened(self) -> Live:
        self._size = self._console.size
        live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            vertical_overflow="crop",
            # What is written to a file must arrive there.
            redirect_stdout=sys.stdout.isatty(),
        )
        live.start()
        return live

    def _keep_up_with_size(self) -> None:
        """Take away what is left of the view on a terminal whose size has changed.

        One that was made narrower has folded the lines that no longer fit, so that the view stands on more rows than it
        was drawn on.
        """
        size = self._console.size
        if size == self._size:
            return
        self._size = size
        rows = sum(max(1, math.ceil(length / max(1, size.width))) for length in self._lengths)
        erase = (ControlType.ERASE_IN_LINE, 2)
        up = [(ControlType.CURSOR_UP, 1), erase] * (min(rows, size.height) - 1)
        # The library goes up by the height that it knows before it draws again.
        down = [(ControlType.CURSOR_DOWN, 1)] * (min(len(self._lengths), size.height) - 1)
        self._console.control(Control(ControlType.CARRIAGE_RETURN, erase, *up, *down))
