"""Cells of which nothing was answered, and what they were told instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.storage import RunFolder


def answered_none(cell: Mapping[str, Any]) -> bool:
    """Whether every request of a cell failed."""
    return 0 < int(cell["failed"]) == int(cell["requests"])


def commonest(cell: Mapping[str, Any]) -> str:
    """The outcome of most of the requests of a cell that failed."""
    failures: Mapping[str, int] = cell["failures"]
    return max(failures, key=lambda name: failures[name])


def errors_of(folder: RunFolder, cells: Mapping[str, str]) -> dict[str, str]:
    """The error of the last attempt of a request of each of some cells that ended with an outcome, given by cell."""
    found: dict[str, str] = {}
    for line in folder.lines():
        if line["outcome"] == cells.get(line["cell"]) and line["attempts"]:
            found.setdefault(line["cell"], str(line["attempts"][-1]["error"] or line["error"]))
            if len(found) == len(cells):
                break
    return found
