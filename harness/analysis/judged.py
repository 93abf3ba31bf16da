"""What a cell is judged by: how long its trials took, or in the open loop how long its requests took. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: Where requests come of themselves, a trial lasts as long as they come, whatever the client does.
OPEN = "mean_latency_s"
CLOSED = "total_s"


def is_open(cell: Mapping[str, Any]) -> bool:
    """Whether the requests of a cell came of themselves."""
    return OPEN in cell


def judged(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    """The figure that cells are compared by, in seconds: `mean`, `ci95` and `per_trial`."""
    found: Mapping[str, Any] = cell[OPEN if is_open(cell) else CLOSED]
    return found


def quantity(cells: Sequence[Mapping[str, Any]]) -> str:
    """What that figure is called."""
    return "mean latency" if any(map(is_open, cells)) else "mean total"


def of_one_trial(cells: Sequence[Mapping[str, Any]]) -> str:
    """What it is called where it is that of a single trial."""
    return "mean latency of one trial" if any(map(is_open, cells)) else "total of one trial"
