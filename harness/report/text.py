"""The headline table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.report.published import published_summary
from harness.report.tables import HEADER, headline_rows, plain
from harness.report.verdict import verdict

#: The columns that fit a terminal of 100 characters, and rows that are still read there.
_COLUMNS, _ROWS = 7, 60


def headline_text(summary: Mapping[str, Any]) -> str:
    """The verdict, the first columns of the headline table, and the warnings."""
    notes = [f"note: {note['message']} ({note['advice']})" for note in summary["warnings"]]
    return "\n".join([verdict(summary), "", *_table(summary), *notes])


def published_text(ours: Mapping[str, Any]) -> str | None:
    """The table of what is published with the harness for the same cells, workload and server; None when nothing is."""
    summary = published_summary(ours["experiment"])
    if summary is None or _played(summary) != _played(ours):
        return None
    trials = max(cell["trials"] for cell in summary["cells"])
    return "\n".join([f"published with the harness ({trials} trials):", *_table(summary)])


def _played(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What must be equal for two tables to stand below each other."""
    return [(cell["cell"], cell["workload"], cell["profile"], cell["target"]) for cell in summary["cells"]]


def _table(summary: Mapping[str, Any]) -> list[str]:
    if len(summary["cells"]) > _ROWS:
        return [f"{len(summary['cells'])} cells: see summary.json, or tables/cells.csv of the report"]
    return plain([row[:_COLUMNS] for row in [HEADER, *headline_rows(summary)]])
