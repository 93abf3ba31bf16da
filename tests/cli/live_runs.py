"""Plans and outcomes for the live view, made without playing anything."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

from rich.console import Console

from harness.cli.live.plan import CellPlan, Plan
from harness.cli.live.screen import Screen
from harness.cli.live.state import State
from harness.cli.live.text import Glyphs
from harness.cli.live.view import view
from harness.records import Attempt, Outcome


def plan(*cells: str, trials: int = 2, requests: int = 10, batch_size: int = 5, clock: str = "virtual") -> Plan:
    return Plan("made", clock, trials, tuple(CellPlan(cell, requests, batch_size) for cell in cells or ("a",)))


def ended(
    cell: str = "a", request: int = 0, took: float = 1.0, *, trial: int = 0, start: float = 0.0, **changes: Any
) -> Outcome:
    attempt = Attempt(1, "first", "ok", send_s=start, end_s=start + took, first_content_s=start + took / 2)
    fields: dict[str, Any] = {
        "experiment": "made", "cell": cell, "trial": trial, "seed": trial, "batch": request // 5, "request": request,
        "outcome": "ok", "start_s": start, "end_s": start + took, "attempts": (attempt,),
    }  # fmt: skip
    return Outcome(**fields | changes)


def played(state: State, cell: str, *, trials: int = 1, requests: int = 10, took: float = 1.0) -> State:
    """Whole trials of a cell, a request a second of the watcher's time."""
    for trial in range(trials):
        for request in range(requests):
            now = state.heard + 1.0
            state.finished(ended(cell, request, took, trial=trial), now=now)
    return state


def shown(
    state: State, width: int = 80, height: int = 24, *, now: float | None = None, glyphs: Glyphs | None = None
) -> list[str]:
    """The lines of the view, as a terminal without colours shows them."""
    at = state.heard if now is None else now
    screen = Screen(width, height, at, datetime(2026, 1, 1, 12, 0, 0), glyphs or Glyphs())
    # Wider than the view, so that a line that is too long is seen and not folded.
    console = Console(record=True, width=4 * width + 100, file=io.StringIO())
    console.print(view(state, screen))
    return console.export_text().splitlines()


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def half_way() -> State:
    """A run of two cells, the second in its second trial."""
    state = State(plan("article_none", "article_10", requests=20), now=0.0)
    played(state, "article_none", trials=2, requests=20)
    played(state, "article_10", requests=20)
    state.batch_started(cell="article_10", trial=1, batch=0, now=60.0)
    for request, outcome in enumerate(("ok", "timeout", "ok")):
        state.finished(ended("article_10", request, 12.5, trial=1, outcome=outcome), now=63.0)
    return state
