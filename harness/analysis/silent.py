"""Cells of which nothing was answered, and what they were told instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.storage import RunFolder


def answered_none(cell: Mapping[str, Any]) -> bool:
    """Whether every request of a cell failed."""
    return 0 < int(cell["failed"]) == int(cell["requests"])


def first_errors(folder: RunFolder, cells: set[str]) -> dict[str, str]:
    """The error of the last attempt of the first request of each of some cells, as far as there was an attempt."""
    found: dict[str, str] = {}
    for line in folder.lines():
        if line["cell"] in cells and line["attempts"]:
            found.setdefault(line["cell"], str(line["attempts"][-1]["error"] or line["error"]))
            if len(found) == len(cells):
                break
    return found
