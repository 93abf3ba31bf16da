"""How many requests were really in flight, where a window says how many there should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.analysis.columns import Columns


def of_window(about: Mapping[str, Any], part: Columns, whole: Sequence[int]) -> dict[str, dict[str, int]]:
    """`in_flight` of a cell: how many were `wanted` at once, and how many there were at `most`, in the best trial.

    Of `whole` trials alone: what was under way when a run ended early has no record. Empty without one, and where a
    cell has no window of its own: it releases whole batches, follows what comes back, or has arrivals.
    """
    strategy = about["strategy"]
    if not whole or strategy["dispatch"] != "window" or about.get("arrivals"):
        return {}
    wanted = min(int(strategy["in_flight"]), int(about["requests_per_trial"]))
    return {"in_flight": {"wanted": wanted, "most": max(_most(part, trial) for trial in whole)}}


def _most(part: Columns, trial: int) -> int:
    """The most requests of a trial that were under way at one instant; who ends then makes room for who begins."""
    begun, ended = np.sort(part.start_s[part.trial == trial]), np.sort(part.end_s[part.trial == trial])
    under_way = np.arange(1, len(begun) + 1) - np.searchsorted(ended, begun, side="right")
    return int(under_way.max())
