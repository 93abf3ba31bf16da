"""What the page draws from, as plain data: cells, figures, batches and timelines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from harness.analysis.judged import judged, of_one_trial, quantity
from harness.plots import Chart, Data, Timeline
from harness.plots.looks import DASHES
from harness.plots.timeline import PARTS, parts_of, patience_s

#: Attempts for which the page has room: about two thirds of a megabyte.
MOST_ATTEMPTS = 20_000
#: Batches of one cell, and of all, that can be told apart in a picture: beyond them the slowest, and the shown trial.
MOST_BATCHES, MOST_BATCHES_IN_ALL = 3_000, 30_000
#: Figures on the page are rounded to so many significant digits; the files beside it are not.
_DIGITS = 6


def payload(data: Data, figures: Sequence[Chart]) -> dict[str, Any]:
    """Everything that the page's script needs, small enough to be carried in it. Seconds, or whole milliseconds."""
    patience = patience_s(data)
    return {
        "experiment": data.summary["experiment"],
        "reference": data.summary["reference"],
        "trial": data.shown_trial,
        "quantity": quantity(data.summary["cells"]),
        "one": of_one_trial(data.summary["cells"]),
        "beside": _beside(figures),
        "cells": [_cell(cell, data, patience) for cell in data.summary["cells"]],
        "figures": {chart.name: _columns(chart) for chart in figures},
        "batches": batches_shown(data),
        "timelines": _timelines(data, patience),
    }


def _beside(figures: Sequence[Chart]) -> str | None:
    """The cell whose timeline stands beside that of the reference."""
    found = [panel.cell for chart in figures if isinstance(chart, Timeline) for panel in chart.panels]
    return found[-1] if found else None


def _cell(cell: dict[str, Any], data: Data, patience: Mapping[str, float]) -> dict[str, Any]:
    look = data.looks[cell["cell"]]
    total, speedup = judged(cell), cell["speedup"]
    return {
        "cell": cell["cell"],
        "strategy": cell["strategy"]["name"],
        "colour": look.variable,
        "dash": " ".join(f"{length:g}" for length in DASHES[look.dash]),
        "total_s": _rounded(total["mean"]),
        "ci95": _pair(total["ci95"]),
        "speedup": _rounded(speedup["mean"]),
        "speedup_ci95": _pair(speedup["ci95"]),
        "failed": cell["failed"],
        "requests": cell["requests"],
        "load": _rounded(cell["load"]),
        "trials": cell["trials"],
        "patience_s": _rounded(patience[cell["cell"]]),
    }


def _columns(chart: Chart) -> dict[str, Any]:
    """The rows of a chart, column by column, which is half as long as row by row."""
    rows = chart.rows()
    return {
        "columns": {name: [_rounded(row[place]) for row in rows] for place, name in enumerate(chart.columns)},
    }


def batches_shown(data: Data) -> dict[str, Any]:
    """Makespans in milliseconds by cell: columns `trial`, `batch`, `ms`, `failed`, and how many there are `of` them."""
    found: dict[str, Any] = {}
    most = max(1, min(MOST_BATCHES, MOST_BATCHES_IN_ALL // max(1, len(data.summary["cells"]))))
    for name, own in data.batches.groupby("cell", sort=False):
        shown = own
        if len(own) > most:
            rank = own["makespan_s"].rank(method="first", ascending=False)
            shown = own[(rank <= most) | ((own["trial"] == data.shown_trial) & (own["batch"] < most))]
        found[str(name)] = {
            "of": len(own),
            "trial": shown["trial"].tolist(),
            "batch": shown["batch"].tolist(),
            "ms": (1000 * shown["makespan_s"]).round().astype(int).tolist(),
            "failed": shown["failed"].tolist(),
        }
    return found


def _timelines(data: Data, patience: Mapping[str, float]) -> dict[str, Any]:
    """Parts and losses of each batch, as flat lists of whole numbers.

    Six to a part: request, attempt, lane, which of `parts`, and its two ends in ms; five to a loss: request, attempt,
    lane, which of `outcomes`, and when, in ms.
    """
    parts, lost = parts_of(data.timelines, patience)
    outcomes = sorted(set(lost["outcome"]))
    coded = parts.assign(
        part=parts["part"].map(list(PARTS).index), from_s=_ms(parts["from_s"]), to_s=_ms(parts["to_s"])
    )
    coded_lost = lost.assign(outcome=lost["outcome"].map(outcomes.index), end_s=_ms(lost["end_s"]))
    batches: dict[str, dict[str, Any]] = {}
    for kind, frame, columns in (
        ("parts", coded, ["request", "attempt", "lane", "part", "from_s", "to_s"]),
        ("lost", coded_lost, ["request", "attempt", "lane", "outcome", "end_s"]),
    ):
        for (cell, trial, batch), own in frame.groupby(["cell", "trial", "batch"], sort=False):
            known = batches.setdefault(f"{trial} {batch} {cell}", {"parts": [], "lost": []})
            known[kind] = own[columns].to_numpy(dtype=int).ravel().tolist()
    sizes = data.timelines.groupby(["cell", "trial", "batch"])["of"].first().reset_index()
    for cell, trial, batch, of in sizes.itertuples(index=False, name=None):
        # A batch that took no time at all has neither parts nor losses.
        batches.setdefault(f"{trial} {batch} {cell}", {"parts": [], "lost": []})["of"] = int(of)
    return {
        "parts": [text for text, _ in PARTS.values()],
        "kinds": list(PARTS),
        "outcomes": outcomes,
        "batches": batches,
    }


def _ms(seconds: pd.Series[float]) -> pd.Series[int]:
    return (1000 * seconds).round().astype(int)


def _pair(interval: Sequence[float] | None) -> list[Any] | None:
    return None if interval is None else [_rounded(end) for end in interval]


def _rounded(value: Any) -> Any:
    """A float to the digits that are shown; NaN and what is infinite are None, which JSON has."""
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}")
