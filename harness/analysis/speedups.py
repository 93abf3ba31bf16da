"""Which cell is compared with which, and how much faster it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis import statistics
from harness.analysis.judged import judged

#: Axes that change the server or the load on it. Totals under different ones say nothing of the client's settings.
SERVER_AXES = ("profile", "fault", "rate")
#: Below this a difference counts as significant.
LEVEL = 0.05

Cell = dict[str, Any]


def add_speedups(cells: Sequence[Cell], reference: str) -> None:
    """Add to each cell its speedup: mean total, in the open loop mean latency, of its reference / its own, by seed.

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
        if base is not None and judged(base)["per_trial"] and judged(cell)["per_trial"]:
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
    before, after = in_common(base, cell)
    factor = ratio_of_means(base, cell)
    found = {"mean": None if factor is None else round(factor, 9)}
    ratio = statistics.log_ratio(before, after)
    if before == after and before:
        # An interval without width would say that no seed could ever tell them apart.
        return found | {"significant": False, "why_not": f"none of {len(before)} trials differs"}, None
    if ratio is None:
        return found | {"why_not": statistics.why_no_ratio(before, after)}, None
    return found | {"ci95": statistics.pair(ratio.interval())}, ratio.p_differs()


def in_common(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """What both cells are judged by, for the seeds that both have, in order of the seeds."""
    first = dict(zip(one["seeds"], judged(one)["per_trial"], strict=True))
    second = dict(zip(other["seeds"], judged(other)["per_trial"], strict=True))
    common = sorted(first.keys() & second.keys())
    return [first[seed] for seed in common], [second[seed] for seed in common]


def ratio_of_means(one: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
    """The mean of one cell / that of another; None where the latter is zero.

    What one of them lacks was, perhaps, the run's slowest trial: only what both have played is compared.
    """
    means = judged(one)["mean"], judged(other)["mean"]
    before, after = in_common(one, other)
    if before and set(one["seeds"]) != set(other["seeds"]):
        means = statistics.mean(before), statistics.mean(after)
    return float(means[0] / means[1]) if means[1] else None


def _server(cell: Mapping[str, Any]) -> str:
    return repr([cell["axes"].get(axis) for axis in SERVER_AXES])


def _settings(cell: Mapping[str, Any]) -> dict[str, Any]:
    return {axis: value for axis, value in cell["axes"].items() if axis not in SERVER_AXES}
