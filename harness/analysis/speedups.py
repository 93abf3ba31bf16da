"""Which cell is compared with which, and how much faster it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis import statistics

#: Axes that change the server. Totals behind different servers say nothing of the client's settings.
SERVER_AXES = ("profile", "fault")

Cell = dict[str, Any]


def add_speedups(cells: Sequence[Cell], reference: str) -> None:
    """Add to each cell its speedup: mean total of its reference / its own, paired by seed.

    `speedup.reference` names that cell: it has the settings of the run's `reference`, behind the server of the cell.
    """
    named = next((cell for cell in cells if cell["cell"] == reference), None)
    bases = {_server(cell): cell for cell in cells if named is not None and _settings(cell) == _settings(named)}
    for cell in cells:
        base = bases.get(_server(cell))
        name = base["cell"] if base else None
        cell["speedup"] = {"reference": name, "mean": None, "ci95": None, "significant": None}
        if base is not None and base["total_s"]["per_trial"] and cell["total_s"]["per_trial"]:
            cell["speedup"] |= {"mean": 1.0, "significant": False} if cell is base else _speedup(base, cell)


def _speedup(base: Cell, cell: Cell) -> dict[str, Any]:
    theirs = dict(zip(base["seeds"], base["total_s"]["per_trial"], strict=True))
    ours = dict(zip(cell["seeds"], cell["total_s"]["per_trial"], strict=True))
    common = sorted(theirs.keys() & ours.keys())
    interval = statistics.ratio_interval([theirs[s] for s in common], [ours[s] for s in common])
    mean = cell["total_s"]["mean"]
    return {
        "mean": round(base["total_s"]["mean"] / mean, 9) if mean else None,
        "ci95": statistics.pair(interval),
        "significant": statistics.excludes_one(interval),
    }


def _server(cell: Mapping[str, Any]) -> str:
    return repr([cell["axes"].get(axis) for axis in SERVER_AXES])


def _settings(cell: Mapping[str, Any]) -> dict[str, Any]:
    return {axis: value for axis, value in cell["axes"].items() if axis not in SERVER_AXES}
