"""Whether virtual time still plays what it always played: everything from Hydra to the SDK and the mock, in one go."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from harness.doctor.base import Finding

#: Two requests for the answer of 21 s, restarted never: their batch takes exactly so long.
WORDS = ("profile=long_answer", "strategy=restart_2", "strategy.timeout=10", "workload.batches=1")
SMALL = ("workload.batch_size=2", "trials=1", "engine=local", "report=false", "clock=virtual")
EXPECTED_S = 21.0


def virtual_time() -> Finding:
    """Two requests, played into a folder that is thrown away."""
    try:
        return judge_virtual_time(_played(), None)
    except Exception as error:
        return judge_virtual_time(None, f"{type(error).__name__}: {error}")


def _played() -> float | None:
    from harness.analysis import summarise
    from harness.config import compose
    from harness.runner import run
    from harness.runner.folder import open_folder

    with tempfile.TemporaryDirectory() as place:
        experiment = compose(None, [*WORDS, *SMALL, f"out={Path(place) / 'run'}"])
        folder = open_folder(experiment)
        result = run(experiment, folder)
        if result.failed_cells:
            raise RuntimeError("; ".join(result.failed_cells.values()))
        cell: dict[str, Any] = summarise(folder, bounds=False)["cells"][0]
        total: float | None = cell["total_s"]["mean"]
        return None if cell["failed"] else total


def judge_virtual_time(total_s: float | None, problem: str | None) -> Finding:
    """Whether the total is the known one, to the microsecond."""
    if problem is not None:
        return Finding("virtual time", "fail", problem, "install the harness into a fresh environment")
    if total_s is None:
        return Finding("virtual time", "fail", "requests without an answer", "install into a fresh environment")
    if abs(total_s - EXPECTED_S) > 1e-6:
        found = f"an answer of {EXPECTED_S:g} s took {total_s:.6f} s"
        return Finding("virtual time", "fail", found, "a package plays it otherwise; install into a fresh environment")
    return Finding("virtual time", "ok", f"an answer of {EXPECTED_S:g} s takes exactly so long, in no time")
