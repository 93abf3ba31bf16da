"""Workers that die: how often they may, and what is said of them."""

from __future__ import annotations

import signal

from harness.engines.base import Task


def death(exitcode: int | None) -> str:
    """How a process ended, in words."""
    if exitcode is None or exitcode >= 0:
        return f"exit code {exitcode}"
    return f"killed by {signal.Signals(-exitcode).name}"


def lost(task: Task, deaths: int, how: str) -> str:
    """One line for when it is too much."""
    return (
        f"worker processes died {deaths} times ({how}) while {task} was waited for, of which memory that is short is "
        "the usual cause; what was finished is kept"
    )
