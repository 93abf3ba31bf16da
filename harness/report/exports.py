"""A run in the file formats of other tools."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.analysis.judged import is_open, judged
from harness.errors import unwritten

#: The date of results that depend on no day; the format asks for one.
_NO_DATE = "2023-11-14T22:13:20+00:00"


def export(summary: Mapping[str, Any], kind: str, out: Path) -> Path:
    """Write a summary for another tool into a folder; returns the file.

    Raises KeyError for a kind that is not in EXPORTS, and DiskError when the file cannot be written.
    """
    path = out / f"{kind}.json"
    try:
        path.write_text(json.dumps(EXPORTS[kind](summary), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise unwritten(path, error) from None
    return path


def _pytest_benchmark(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What `--benchmark-json` writes: a benchmark for each cell, a round for each trial, totals in seconds."""
    return {
        "machine_info": {"clock": summary["clock"]},
        "commit_info": {"clock": summary["clock"]},
        "benchmarks": [_benchmark(cell, summary) for cell in summary["cells"] if judged(cell)["per_trial"]],
        "datetime": _NO_DATE,
        "version": "5",
    }


def _benchmark(cell: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    from pytest_benchmark.stats import Stats

    untyped: Any = Stats
    stats = untyped()
    for total in judged(cell)["per_trial"]:
        stats.update(total)
    asked = cell["workload"] + ("" if is_open(cell) else " requests")
    figures = {name: round(value, 9) if isinstance(value, float) else value for name, value in stats.as_dict().items()}
    return {
        "group": f"{summary['experiment']}, {asked}, {cell['profile']}, {summary['clock']} seconds",
        "name": cell["cell"],
        "fullname": f"{summary['experiment']}::{cell['cell']}",
        "params": cell["axes"],
        "param": cell["cell"],
        "extra_info": {"load": cell["load"], "failed": cell["failed"], "requests": cell["requests"]},
        "options": {"timer": "harness", "rounds": len(stats.data)},
        "stats": {**figures, "data": stats.data, "iterations": 1},
    }


EXPORTS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {"pytest-benchmark": _pytest_benchmark}
