"""Run folders with known numbers, made without playing anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.analysis import finish, frames
from harness.analysis.timelines import timelines, worth_showing
from harness.plots import Data
from harness.records import SCHEMA_VERSION, Attempt, Outcome
from harness.storage import RunFolder

#: Makespans in seconds: cell -> trials -> batches.
Totals = dict[str, list[list[float]]]

STRATEGY = {
    "name": "s", "timeout": None, "stream": False, "max_retries": 5, "tenacity_attempts": 3, "dispatch": "gather",
}  # fmt: skip

#: Answers after a second; a tenth of them never come.
PROFILE = {
    "name": "p", "headers": {"kind": "constant", "value": 1.0},
    "faults": [{"kind": "hang_before_headers", "probability": 0.1}],
}  # fmt: skip


def outcome(cell: str, trial: int, batch: int, request: int, start: float, took: float, **changes: Any) -> Outcome:
    attempt = Attempt(1, "first", "ok", send_s=start, end_s=start + took, first_content_s=start + took / 2, status=200)
    fields: dict[str, Any] = {
        "experiment": "made", "cell": cell, "trial": trial, "seed": 100 + trial, "batch": batch, "request": request,
        "outcome": "ok", "start_s": start, "end_s": start + took, "tokens": 1, "finish_reason": "stop",
        "attempts": (attempt,),
    }  # fmt: skip
    return Outcome(**fields | changes)


def manifest(cells: dict[str, dict[str, Any]], requests: int, **changes: Any) -> dict[str, Any]:
    return {
        "schema": SCHEMA_VERSION, "experiment": "made", "question": "Is it?", "status": "complete", "clock": "virtual",
        "network": "direct", "time_scale": 1.0, "seeds": [100, 101], "target": {"kind": "mock"}, "versions": {},
        "started": "2026-01-01T00:00:00Z", "host": {"name": "secret-host"}, "command": "harness run out=/secret/path",
        "git_commit": "abc", "failed_cells": {}, "reference": next(iter(cells)),
        "profiles": [PROFILE],
        "cells": [
            {"cell": name, "axes": {"strategy": name}, "strategy": STRATEGY | {"name": name},
             "workload": f"{requests}x1",
             "requests_per_trial": requests, "batch_size": 1, "slo_s": 30.0, "profile": "p", "target": "mock", **about}
            for name, about in cells.items()
        ],
    } | changes  # fmt: skip


def made(path: Path, totals: Totals, *, about: dict[str, dict[str, Any]] | None = None, **changes: Any) -> RunFolder:
    """A finished run in which each batch is one request that takes the given time."""
    folder = RunFolder.create(path, "made")
    requests = max(len(batches) for trials in totals.values() for batches in trials)
    folder.write_config({"trials": 1, "out": str(path)})
    folder.write_manifest(manifest({name: (about or {}).get(name, {}) for name in totals}, requests, **changes))
    for name, trials in totals.items():
        for trial, batches in enumerate(trials):
            start = 0.0
            for batch, took in enumerate(batches):
                folder.append(outcome(name, trial, batch, batch, start, took))
                start += took
    folder.close()
    finish(folder)
    return folder


def embedded(page: str) -> dict[str, Any]:
    """What a page carries for its script."""
    found: dict[str, Any] = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    return found


def data(folder: RunFolder) -> Data:
    """What charts of a finished run draw from."""
    tables, summary = frames(folder), folder.summary()
    shown = worth_showing(tables.batches, summary, trial=0, most_attempts=10_000)
    return Data(summary, tables.batches, tables.quantiles, timelines(folder, shown), first_seed=100)
