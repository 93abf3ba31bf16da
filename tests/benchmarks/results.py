"""The figures that were measured, in results.json: by table its rows, and when, on what and of what they are."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("results.json")
SCHEMA = 1

Table = dict[str, Any]
Results = dict[str, Any]


def load() -> Results:
    """All tables; none where nothing was measured yet."""
    if not PATH.exists():
        return {"schema": SCHEMA, "tables": {}}
    found: Results = json.loads(PATH.read_text())
    assert found["schema"] == SCHEMA, f"results.json has schema {found['schema']}; measure anew"
    return found


def add(tables: Mapping[str, Table]) -> None:
    """Put tables in place of those of the same names, all or nothing."""
    found = load()
    found["tables"] |= tables
    found["tables"] = dict(sorted(found["tables"].items()))
    beside = PATH.with_suffix(".tmp")
    beside.write_text(json.dumps(found, indent=1) + "\n")
    beside.replace(PATH)


def about(rounds: int | None) -> Table:
    """When and on what something is measured: neither the machine's name nor paths."""
    return {
        "measured": datetime.now(UTC).date().isoformat(),
        "rounds": rounds,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": _cpu(),
        "million_additions_s": _million_additions(),
        "system": platform.system(),
        "python": platform.python_version(),
        "openai": metadata.version("openai"),
    }


def _million_additions() -> float:
    """Seconds that a million additions in a loop take, the quickest of five: machines of one name differ by far."""
    found = []
    for _ in range(5):
        began, total = time.process_time(), 0
        for number in range(1_000_000):
            total += number
        found.append(time.process_time() - began)
    return round(min(found), 3)


def _cpu() -> str:
    """The model of the processor as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
