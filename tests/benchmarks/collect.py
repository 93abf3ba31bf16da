"""Runs the benchmarks of a part with pytest and takes the tables that they hand on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks import figures, results

ROOT = Path(__file__).parents[2]
_HERE = "tests/benchmarks"
#: What can be measured by itself, in the order of the page; a name stands for those that go on with an underscore too.
PARTS = {
    "clients_100": ("peers/test_side_by_side.py::test_side_by_side[100-in-flight]",),
    "clients_1000": ("peers/test_side_by_side.py::test_side_by_side[1000-in-flight]",),
    "clients_5000": ("peers/test_many_in_flight.py",),
    "virtual": ("test_speed.py::test_seconds_per_1000_requests", "test_player_cost.py"),
    "sockets": ("test_real_sockets.py",),
    "simulation": ("test_simulation_speed.py",),
    "mock": ("test_mock_throughput.py", "test_mock_stalled.py"),
    "report": ("test_report_speed.py",),
    "startup": tuple(f"test_speed.py::{name}" for name in ("test_whole_commands", "test_tune", "test_imports")),
}


class PartError(Exception):
    """A benchmark of a part failed; `tables` is what was measured all the same."""

    def __init__(self, message: str, tables: dict[str, results.Table]) -> None:
        super().__init__(message)
        self.tables = tables


def parts(names: Sequence[str]) -> list[str]:
    """The parts that names stand for. Raises ValueError for a name that stands for none."""
    found = {name: [part for part in PARTS if part == name or part.startswith(f"{name}_")] for name in names}
    unknown = [name for name, own in found.items() if not own]
    if unknown:
        raise ValueError(f"no part named {unknown[0]}; there are {', '.join(PARTS)}")
    return [part for part in PARTS if any(part in own for own in found.values())]


def measure(part: str, *, rounds: int | None = None, smoke: bool = False) -> dict[str, results.Table]:
    """The tables of a part. Raises PartError."""
    settings = {figures.ROUNDS: str(rounds) if rounds else "", figures.SMOKE: "1" if smoke else ""}
    environment = _inherited() | {name: value for name, value in settings.items() if value}
    about = results.about(rounds)
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found.json"
        files = [f"{_HERE}/{name}" for name in PARTS[part]]
        options = ["-m", "bench", "--benchmark-enable", "-p", "no:xdist", "-p", "no:cacheprovider", "-s", "-q"]
        command = [sys.executable, "-m", "pytest", *options, f"--benchmark-json={found}", *files]
        code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        tables = tables_of(json.loads(found.read_text()) if found.exists() else {}, about)
    if code:
        raise PartError(f"pytest ended with {code}", tables)
    return tables


def _inherited() -> dict[str, str]:
    """The environment without what would distort: within a worker of xdist pytest-benchmark switches itself off, and
    modules of a checkout would be compiled by every process, while those of installed programs never are.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTEST_XDIST") and name != "PYTHONDONTWRITEBYTECODE"
    }


def tables_of(benchmarks: dict[str, Any], about: results.Table) -> dict[str, results.Table]:
    """What the benchmarks of one call of pytest handed on, rows of a table in the order in which they ran."""
    tables: dict[str, results.Table] = {}
    for one in benchmarks.get("benchmarks", ()):
        for name, found in one["extra_info"].get("tables", {}).items():
            table = tables.setdefault(name, about | {"versions": {}, "rows": []})
            table["versions"] |= found["versions"]
            table["rows"] += found["rows"]
    return tables
