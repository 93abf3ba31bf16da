"""The rows of the tables of a report, from its summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.analysis.effects import brief, standings
from harness.analysis.judged import is_open, judged
from harness.analysis.statistics import FEWEST_FOR_RATIO
from harness.report.words import interval, number, seconds_text, times, total_interval, total_text

HEADER = (
    "cell",
    "total, s",
    "95 % interval",
    "speedup",
    "95 % interval",
    "failed",
    "load",
    "x no stalls",
    "goodput",
    "TTFT p50, s",
    "TTFT p99, s",
    "slowest batch, s",
)

#: Where requests come of themselves, their latency is the result, and how long they all take is not.
OPEN_HEADER = (
    "cell",
    "mean latency, s",
    "95 % interval",
    "speedup",
    "95 % interval",
    "failed",
    "load",
    "p50, s",
    "p99, s",
    "slowest, s",
    "goodput",
    "TTFT p50, s",
    "TTFT p99, s",
)

COSTS = (
    "cell",
    "load",
    "retries",
    "hedges",
    "abandoned",
    "of them too soon",
    "tokens wasted",
    "attempt time unused, s per request",
)

#: The client's time before a request is written, and the time to first content with and without it.
WIRE = (
    "cell",
    "in the client p50, s",
    "p99, s",
    "of it the pool p99, s",
    "connecting p99, s",
    "event loop late p99, s",
    "TTFT p50, s",
    "on the wire p50, s",
    "TTFT p99, s",
    "on the wire p99, s",
)

#: Each quantile with its interval, where it has one.
TAILS = (
    "cell",
    "batch p50, s",
    "batch p90, s",
    "request p50, s",
    "request p99, s",
    "request p99.9, s",
    "TTFT p99, s",
)
OPEN_TAILS = (TAILS[0], *TAILS[3:])
_OPEN_TAILS = (
    ("latency_s", "p50"),
    ("latency_s", "p99"),
    ("latency_s", "p999"),
    ("ttft_s", "p99"),
)
_TAILS = (("batch_s", "p50"), ("batch_s", "p90"), *_OPEN_TAILS)

BOUNDS = (
    "cell",
    "total, s",
    "without stalls",
    "best restart",
    "best with load 1.05",
    "best with load 1.1",
    "total / without stalls",
)

Row = tuple[str, ...]


def headline(summary: Mapping[str, Any]) -> list[Row]:
    """The headline table: HEADER, or OPEN_HEADER, and a row per cell; a dash stands for what there is not."""
    opened = any(map(is_open, summary["cells"]))
    rows = [_row(cell, summary["reference"]) for cell in summary["cells"]]
    return [OPEN_HEADER if opened else HEADER, *rows]


def _row(cell: Mapping[str, Any], reference: str) -> Row:
    total, speedup = judged(cell), cell["speedup"]
    own = cell["cell"] == speedup.get("reference", reference)
    first = (
        cell["cell"],
        total_text(total),
        total_interval(total),
        "1 (reference)" if own else times(speedup),
        "-" if own else interval(speedup["ci95"], 2),
        f"{cell['failed']}/{cell['requests']}",
        number(cell["load"], 3),
    )
    if is_open(cell):
        latency, ttft = cell["latency_s"], cell["ttft_s"]
        slow = (seconds_text(latency[name]) for name in ("p50", "p99", "max"))
        return (*first, *slow, f"{cell['goodput']:.1%}", number(ttft["p50"], 2), number(ttft["p99"], 2))
    return (
        *first,
        _distance(cell),
        f"{cell['goodput']:.1%}",
        number(cell["ttft_s"]["p50"], 2),
        number(cell["ttft_s"]["p99"], 2),
        seconds_text(cell["batch_s"]["max"]),
    )


def _distance(cell: Mapping[str, Any]) -> str:
    """How many times the total is that of a server that never stalls."""
    bounds, total = cell.get("bounds"), cell["total_s"]["mean"]
    floor = bounds["no_stall_s"] if bounds and bounds["source"] else None
    return "-" if floor in (None, 0) or total is None else f"{total / floor:.2f}"


def cost_rows(summary: Mapping[str, Any]) -> list[Row]:
    """One row per cell under COSTS; none for summaries of before these were counted."""
    rows: list[Row] = []
    for cell in summary["cells"]:
        if "attempts" in cell:
            kinds, false = cell["attempts"], cell["false_restarts"]
            rows.append(
                (
                    cell["cell"],
                    number(cell["load"], 3),
                    f"{kinds['retry']:,}",
                    f"{kinds['hedge']:,}",
                    f"{cell['abandoned']:,}",
                    "-" if false is None else f"{false:,}",
                    "-" if cell["tokens_wasted"] is None else f"{cell['tokens_wasted']:,}",
                    number(cell["wasted_s"] / cell["requests"], 3),
                )
            )
    return rows


def wire_rows(summary: Mapping[str, Any]) -> list[Row]:
    """One row under WIRE for each cell whose transport told; none in virtual time, where clients take none."""
    rows: list[Row] = []
    for cell in summary["cells"]:
        if "wire" in cell:
            own, wire, whole = cell["wire"]["client_s"], cell["wire"]["ttft_s"], cell["ttft_s"]
            inside = (cell["wire"].get(name, {}) for name in ("pool_s", "connect_s", "lag_s"))
            pairs = ((whole, "p50"), (wire, "p50"), (whole, "p99"), (wire, "p99"))
            rows.append(
                (
                    cell["cell"],
                    *(number(own[name], 3) for name in ("p50", "p99")),
                    *(number(spread.get("p99"), 3) for spread in inside),
                    *(number(spread[name], 3) for spread, name in pairs),
                )
            )
    return rows


def tails(summary: Mapping[str, Any]) -> list[Row]:
    """TAILS, without batches where there are none, and a row per cell; nothing of before quantiles had intervals."""
    rows: list[Row] = []
    opened = any(map(is_open, summary["cells"]))
    for cell in summary["cells"]:
        if "ci95" in cell["latency_s"]:
            spreads = [(cell[quantity], name) for quantity, name in (_OPEN_TAILS if opened else _TAILS)]
            rows.append((cell["cell"], *(_quantile(spread, name) for spread, name in spreads)))
    return [OPEN_TAILS if opened else TAILS, *rows] if rows else []


def _quantile(spread: Mapping[str, Any], name: str) -> str:
    pair = spread.get("ci95", {}).get(name)
    return number(spread[name], 2) + ("" if pair is None else f" {interval(pair, 2)}")


def doubts(summary: Mapping[str, Any]) -> list[str]:
    """Why speedups of whole trials have no interval, by cell; that there are too few trials is a warning of its own."""
    found = [(cell["cell"], cell["trials"], cell["speedup"].get("why_not")) for cell in summary["cells"]]
    return [f"{name}: {reason}" for name, trials, reason in found if reason and trials >= FEWEST_FOR_RATIO]


def bound_rows(summary: Mapping[str, Any]) -> list[Row]:
    """One row under BOUNDS for each cell that has bounds."""
    rows: list[Row] = []
    for cell in summary["cells"]:
        bounds, total = cell.get("bounds"), cell["total_s"]["mean"]
        if bounds and bounds["source"]:
            best = [bounds["best_restart"], bounds["best_within"].get("0.05"), bounds["best_within"].get("0.1")]
            means = seconds_text(total), seconds_text(bounds["no_stall_s"])
            rows.append((cell["cell"], *means, *map(_best, best), _distance(cell)))
    return rows


def fault_rows(summary: Mapping[str, Any]) -> list[Row]:
    """Faults down, settings across; a header first, and nothing at all where no fault is an axis."""
    found = standings(summary["cells"])
    faults = dict.fromkeys(fault for one in found for fault in one.effects)
    rows = [(fault, *(_effect(one.effects.get(fault)) for one in found)) for fault in faults]
    return [("fault", *(one.name for one in found)), *rows] if rows else []


def _effect(effect: Mapping[str, Any] | None) -> str:
    if effect is None:
        return "-"
    return brief(effect) + (" hang" if effect["grade"] == "hangs" else "") or "ok"


def why_no_bounds(summary: Mapping[str, Any]) -> list[str]:
    """The reasons why cells have no bounds, each once."""
    found = (cell.get("bounds") or {"why_not": None} for cell in summary["cells"])
    return list(dict.fromkeys(bounds["why_not"] for bounds in found if bounds["why_not"]))


def _best(best: Mapping[str, Any] | None) -> str:
    return "-" if best is None else seconds_text(best["total_s"])
