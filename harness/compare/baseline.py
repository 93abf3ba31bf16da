"""What of a run a comparison needs: a small file that changes only when results do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.analysis.judged import CLOSED, OPEN
from harness.errors import UserError

_RUN = ("schema", "experiment", "clock", "time_scale", "reference")
_CELL = (
    "cell",
    "workload",
    "profile",
    "target",
    "seeds",
    "requests",
    "failed",
    "load",
    "failed_per_trial",
    "attempts_per_trial",
)


def write_baseline(summary: Mapping[str, Any], path: Path) -> None:
    """Write the baseline of a summary, a cell a few lines; equal on all machines and Pythons for equal records.

    Raises UserError when the file cannot be written.
    """
    cells = [
        {name: cell[name] for name in _CELL if name in cell}
        | {name: {"per_trial": cell[name]["per_trial"]} for name in (CLOSED, OPEN) if name in cell}
        for cell in summary["cells"]
    ]
    head = json.dumps({name: summary[name] for name in _RUN if name in summary}, indent=1)
    # A line for each field: indented lists of a thousand trials would be a thousand lines.
    fields = [[f"   {json.dumps(name)}: {json.dumps(value)}" for name, value in cell.items()] for cell in cells]
    body = ",\n".join("  {\n" + ",\n".join(lines) + "\n  }" for lines in fields)
    text = f'{head[:-2]},\n "cells": [\n{body}\n ]\n}}\n'
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path} ({error.strerror}); choose another file") from None
