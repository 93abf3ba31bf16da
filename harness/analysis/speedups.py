"""Which cell is compared with which, and how much faster it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis import statistics

#: Axes that change the server. Totals behind different servers say nothing of the client's settings.
SERVER_AXES = ("profile", "fault")
#: Below this a difference counts as significant.
LEVEL = 0.05

Cell = dict[str, Any]


def add_speedups(cells: Sequence[Cell], reference: str) -> None:
    """Add to each cell its speedup: mean total of its reference / its own, paired by seed.

    `speedup.reference` names that cell: it has the settings of the run's `reference`, behind the server of the cell.
    Where there is no interval, `why_not` says why. `significant` is corrected for the number of cells (Holm).
    """
    named = next((cell for cell in cells if cell["cell"] == reference), None)
    bases = {_server(cell): cell for cell in cells if named is not None and _settings(cell) == _settings(named)}
    doubts: list[tuple[Cell, float]] = []
    for cell in cells:
        base = bases.get(_server(cell))
        name = base["cell"] if base else None
        cell["speedup"] = {"reference": name, "mean": None, "ci95": None, "significant": None, "why_not": None}
        if base is not None and base["total_s"]["per_trial"] and cell["total_s"]["per_trial"]:
            if cell is base:
                cell["speedup"] |= {"mean": 1.0, "significant": False}
            else:
                found, p_value = _speedup(base, cell)
                cell["speedup"] |= found
                doubts += [(cell, p_value)] if p_value is not None else []
    corrected = statistics.holm([p_value for _, p_value in doubts])
    for (cell, _), p_value in zip(doubts, corrected, strict=True):
        cell["speedup"]["significant"] = p_value < LEVEL


def _speedup(base: Cell, cell: Cell) -> tuple[dict[str, Any], float | None]:
    """How much faster, and the p-value of there being no difference, where that can be told."""
    theirs = dict(zip(base["seeds"], base["total_s"]["per_trial"], strict=True))
    ours = dict(zip(cell["seeds"], cell["total_s"]["per_trial"], strict=True))
    common = sorted(theirs.keys() & ours.keys())
    before, after = [theirs[s] for s in common], [ours[s] for s in common]
    # What one of them lacks was, perhaps, the run's slowest trial: only what both have played is compared.
    paired = bool(common) and theirs.keys() != ours.keys()
    pair = (
        (statistics.mean(before), statistics.mean(after))
        if paired
        else (base["total_s"]["mean"], cell["total_s"]["mean"])
    )
    found = {"mean": round(pair[0] / pair[1], 9) if pair[1] else None}
    ratio = statistics.log_ratio(before, after)
    if before == after and common:
        # An interval without width would say that no seed could ever tell them apart.
        return found | {"significant": False, "why_not": f"none of {len(common)} trials differs"}, None
    if ratio is None:
        return found | {"why_not": statistics.why_no_ratio(before, after)}, None
    return found | {"ci95": statistics.pair(ratio.interval())}, ratio.p_differs()


def _server(cell: Mapping[str, Any]) -> str:
    return repr([cell["axes"].get(axis) for axis in SERVER_AXES])


def _settings(cell: Mapping[str, Any]) -> dict[str, Any]:
    return {axis: value for axis, value in cell["axes"].items() if axis not in SERVER_AXES}
