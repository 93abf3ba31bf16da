"""Published results keep totals of trials but no records: what follows from the totals is computed anew."""

from __future__ import annotations

import copy
from typing import Any

from harness.analysis import statistics
from harness.analysis.bounds import bounds_beside
from harness.analysis.judged import CLOSED, OPEN
from harness.analysis.profiles import profiles_of
from harness.analysis.speedups import add_speedups
from harness.storage import RunFolder


def restate(folder: RunFolder) -> dict[str, Any]:
    """The summary of published results, its intervals and speedups by today's formulas, and written if they changed.

    Bounds are added where they are missing and the profile is known. What only records can tell stays as it is.
    """
    before = folder.summary()
    summary = copy.deepcopy(before)
    for cell in summary["cells"]:
        for name in {CLOSED, OPEN} & cell.keys():
            cell[name]["ci95"] = statistics.pair(statistics.mean_interval(cell[name]["per_trial"]))
    add_speedups(summary["cells"], summary["reference"])
    _add_bounds(summary, folder)
    if summary != before:
        folder.write_summary(summary)
    return summary


def _add_bounds(summary: dict[str, Any], folder: RunFolder) -> None:
    without = [cell for cell in summary["cells"] if "bounds" not in cell and cell["trials"]]
    if not without:
        return
    bounds_of = bounds_beside(folder, profiles_of(folder))
    max_tokens = (folder.config().get("workload") or {}).get("max_tokens")
    for cell in without:
        requests = cell["requests"] // cell["trials"]
        cell["bounds"] = bounds_of(cell | {"requests_per_trial": requests, "max_tokens": max_tokens})
