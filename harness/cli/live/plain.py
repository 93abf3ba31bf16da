"""The state of a run as plain data, for `harness watch --json`."""

from __future__ import annotations

from typing import Any

from harness.cli.live.cell import CellState
from harness.cli.live.state import State
from harness.records import Outcome


def plain(state: State, *, now: float) -> dict[str, Any]:
    """Where a run stands; times in seconds, trials, batches and requests counted from 0 as in the records."""
    return {
        "experiment": state.plan.experiment,
        "clock": state.plan.clock,
        "trials": state.plan.trials,
        "requests": state.total,
        "done": state.done,
        "failed": state.failed,
        "stalls": state.stalls,
        "load": _rounded(state.load),
        "requests_per_s": _rounded(state.pace(now)),
        "left_s": _rounded(state.left_s(now)),
        "silent_s": _rounded(state.silent_s(now)),
        "batch": _batch(state, now),
        "cells": [_cell(cell, state.plan.trials) for cell in state.cells.values()],
        "slowest": [_request(outcome) for outcome in state.slowest],
        "latest_stalls": [_request(outcome) for outcome in state.latest_stalls],
    }


def _batch(state: State, now: float) -> dict[str, Any] | None:
    batch = state.batch
    if batch is None:
        return None
    return {
        "cell": batch.cell.plan.name,
        "trial": batch.trial,
        "batch": batch.number,
        "done": batch.done,
        "size": batch.size,
        "elapsed_s": _rounded(state.batch_s(now)),
    }


def _cell(cell: CellState, trials: int) -> dict[str, Any]:
    return {
        "cell": cell.plan.name,
        "trials": cell.whole,
        "requests": cell.plan.requests * trials,
        "done": cell.done,
        "failed": cell.failed,
        "stalls": cell.stalls,
        "load": _rounded(cell.load),
        "given_up": cell.reason,
    }


def _request(outcome: Outcome) -> dict[str, Any]:
    return {
        "cell": outcome.cell,
        "trial": outcome.trial,
        "batch": outcome.batch,
        "request": outcome.request,
        "seconds": outcome.latency_s,
        "attempts": len(outcome.attempts),
        "outcome": outcome.outcome,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
