"""The published evaluation, and the results of our own that are published with the harness."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = '"Speeding up your OpenAI LLM applications", Diverger, 8 February 2024'

#: Total of 10 batches in seconds, by experiment and cell.
PUBLISHED_TOTALS: dict[str, dict[str, float]] = {
    "article": {"article_none": 790.0, "article_10": 99.0, "article_20": 162.0}
}


@dataclass(frozen=True)
class Likeness:
    """The trial whose totals are nearest to the published ones, and how near: the largest ratio to one of them."""

    trial: int
    seed: int
    totals: dict[str, float]
    factor: float


def published_totals(summary: Mapping[str, Any]) -> dict[str, float]:
    """What was published for a run, by cell: nothing unless it plays the same requests, at their own pace."""
    same = summary["time_scale"] == 1 and all(
        cell["workload"] == "10x100" and (cell["profile"] == "article" or cell["target"] != "mock")
        for cell in summary["cells"]
    )
    return PUBLISHED_TOTALS.get(summary["experiment"], {}) if same else {}


def most_alike(summary: Mapping[str, Any]) -> Likeness | None:
    """The trial most like the published run; None where nothing was published for this experiment.

    Nearness is the largest absolute difference of logarithms over the cells, so that 10 % too much and 10 % too little
    weigh the same.
    """
    published = published_totals(summary)
    cells = {cell["cell"]: cell for cell in summary["cells"] if cell["cell"] in published}
    if not published or set(cells) != set(published):
        return None
    first = min(seed for cell in cells.values() for seed in cell["seeds"])
    seeds = set.intersection(*(set(cell["seeds"]) for cell in cells.values()))
    best: Likeness | None = None
    for seed in sorted(seeds):
        totals = {name: cell["total_s"]["per_trial"][cell["seeds"].index(seed)] for name, cell in cells.items()}
        if min(totals.values()) <= 0:
            continue
        factor = math.exp(max(abs(math.log(totals[name] / published[name])) for name in published))
        if best is None or factor < best.factor:
            best = Likeness(seed - first, seed, totals, factor)
    return best


def published_summary(experiment: str) -> dict[str, Any] | None:
    """The summary of our own published results of an experiment; None when there are none.

    A checkout keeps them in `experiments/<experiment>/results`; an installed package carries a copy.
    """
    package = Path(__file__).resolve().parents[1]
    for place in (package.parent / "experiments", package / "experiments"):
        path = place / experiment / "results" / "summary.json"
        if path.is_file():
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return content
    return None
