"""How a benchmark hands its figures on: as rows of a named table in pytest-benchmark's `extra_info`.

`python -m tests.benchmarks` gathers them in results.json, from which the page is written.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

ROUNDS, SMOKE = "BENCHMARK_ROUNDS", "BENCHMARK_SMOKE"
Row = dict[str, Any]


def rounds(usual: int) -> int:
    """How often something is measured: as usual, or less often where the environment says so."""
    return max(1, min(usual, int(os.environ.get(ROUNDS, usual))))


def smoke() -> bool:
    """Whether it is only to be seen that everything works: small loads, nothing installed."""
    return os.environ.get(SMOKE, "") not in {"", "0"}


def add(benchmark: Any, table: str, rows: Sequence[Row], *, versions: Mapping[str, str] | None = None) -> None:
    """Add rows to a table; `versions` says of what."""
    tables = benchmark.extra_info.setdefault("tables", {})
    found = tables.setdefault(table, {"rows": [], "versions": {}})
    found["rows"] += [{name: _short(value) for name, value in row.items()} for row in rows]
    found["versions"] |= versions or {}


def medians(rows: Sequence[Mapping[str, float | None]]) -> Row:
    """Of each column the median; None where any row has none."""
    return {
        name: None if any(row[name] is None for row in rows) else statistics.median(row[name] for row in rows)
        for name in rows[0]
    }


def _short(value: Any) -> Any:
    """Five digits are more than any of this is exact to."""
    return float(f"{value:.5g}") if isinstance(value, float) else value
