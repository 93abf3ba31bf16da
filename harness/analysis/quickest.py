"""The quickest cell of a summary, and how much quicker it is than each of the others. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from harness.analysis import statistics
from harness.analysis.judged import judged
from harness.analysis.speedups import LEVEL, SERVER_AXES, in_common, ratio_of_means

Cell = Mapping[str, Any]

#: A cell whose share of failures is above its reference's by more than this does other work, and wins nothing.
MORE_FAILURES = 0.001


@dataclass(frozen=True)
class Ratio:
    """The mean total of another `cell` / that of the quickest one, with its 95 % interval where there is one.

    `why_not` is the reason where there is none. `significant` is None then, and corrected for all that was compared.
    `fails_less` says that it did more of the work than the quickest one.
    """

    cell: str
    factor: float
    ci95: tuple[float, float] | None
    significant: bool | None
    why_not: str | None = None
    is_reference: bool = False
    fails_less: bool = False


@dataclass(frozen=True)
class Quickest:
    """The quickest cell behind one server, of those that fail no more than the reference; the nearest rival first.

    `server` names the axes that say which server it is. `passed_over` are quicker and fail more.
    """

    cell: str
    server: Mapping[str, Any]
    ratios: tuple[Ratio, ...]
    passed_over: tuple[str, ...] = ()


def quickest(cells: Sequence[Cell]) -> list[Quickest]:
    """The quickest cell behind each server, where there are at least two to choose from.

    The quickest is known by looking at all cells, so its differences from all but the reference are corrected (Holm)
    for every pair that could have been looked at; the one from the reference is the summary's own.
    """
    servers: dict[str, list[Cell]] = {}
    for cell in cells:
        if judged(cell)["mean"]:
            servers.setdefault(repr(_server(cell)), []).append(cell)
    return [_of_server(found) for found in servers.values() if len(found) > 1]


def _of_server(cells: Sequence[Cell]) -> Quickest:
    base = next((cell for cell in cells if cell["speedup"].get("reference") == cell["cell"]), None)
    limit = (_failures(base) if base else min(map(_failures, cells))) + MORE_FAILURES
    by_total = sorted(cells, key=lambda cell: float(judged(cell)["mean"]))
    best = next(cell for cell in by_total if _failures(cell) <= limit)
    corrected = _corrected(cells)
    ratios = [
        replace(_ratio(best, other, base, corrected), fails_less=_failures(other) < _failures(best) - MORE_FAILURES)
        for other in by_total
        if other is not best
    ]
    passed_over = tuple(cell["cell"] for cell in by_total[: by_total.index(best)])
    return Quickest(
        best["cell"], _server(best), tuple(one for one in ratios if one.cell not in passed_over), passed_over
    )


def _ratio(best: Cell, other: Cell, base: Cell | None, corrected: Mapping[frozenset[str], float]) -> Ratio:
    factor = ratio_of_means(other, best) or 1.0
    if base is other:
        return _as_recorded(best["speedup"], other, factor, is_reference=True)
    if base is best:
        return _as_recorded(_turned(other["speedup"]), other, factor)
    before, after = in_common(other, best)
    ratio = statistics.log_ratio(before, after)
    if before == after and before:
        return Ratio(other["cell"], factor, None, False, f"none of {len(before)} trials differs")
    if ratio is None:
        return Ratio(other["cell"], factor, None, None, statistics.why_no_ratio(before, after))
    p_value = corrected[frozenset({best["cell"], other["cell"]})]
    return Ratio(other["cell"], factor, ratio.interval(), p_value < LEVEL)


def _as_recorded(speedup: Mapping[str, Any], other: Cell, factor: float, *, is_reference: bool = False) -> Ratio:
    pair = speedup["ci95"]
    return Ratio(
        other["cell"],
        factor,
        (pair[0], pair[1]) if pair else None,
        speedup["significant"],
        speedup.get("why_not"),
        is_reference,
    )


def _turned(speedup: Mapping[str, Any]) -> dict[str, Any]:
    pair = speedup["ci95"]
    return {**speedup, "ci95": [1 / pair[1], 1 / pair[0]] if pair and min(pair) > 0 else None}


def _corrected(cells: Sequence[Cell]) -> dict[frozenset[str], float]:
    """P-values of each pair of cells that can be compared, corrected for all of them."""
    found: dict[frozenset[str], float] = {}
    for one, other in combinations(cells, 2):
        first, second = in_common(one, other)
        ratio = None if first == second else statistics.log_ratio(first, second)
        if ratio is not None:
            found[frozenset({one["cell"], other["cell"]})] = ratio.p_differs()
    return dict(zip(found, statistics.holm(list(found.values())), strict=True))


def _failures(cell: Cell) -> float:
    """The share of requests without a whole answer, those among them where a part passed for it."""
    return float((cell["failed"] + (cell.get("short") or 0)) / cell["requests"])


def _server(cell: Cell) -> dict[str, Any]:
    return {axis: cell["axes"][axis] for axis in SERVER_AXES if axis in cell.get("axes", {})}
