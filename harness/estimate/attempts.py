"""Requests, and the HTTP attempts that they become. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.config import Experiment
from harness.estimate.foresee import Foreseen


@dataclass(frozen=True)
class Attempts:
    """`requests` of all cells and trials; HTTP attempts `expected`, `is_least` if some cells are not foreseen, and at
    `most`.

    Expected are requests x load, the load of a cell that is not foreseen being 1. At most are requests x the attempts
    that the strategy allows: (max_retries + 1) x tenacity_attempts for the SDK's.
    """

    requests: int
    expected: int
    is_least: bool
    most: int


def attempts(experiment: Experiment, foreseen: Sequence[Foreseen]) -> Attempts:
    """The attempts of a run."""
    loads = zip(experiment.cells, foreseen, strict=True)
    per_trial = sum(len(cell.workload) * (one.load or 1.0) for cell, one in loads)
    return Attempts(
        requests=experiment.requests,
        expected=round(experiment.trials * per_trial),
        is_least=any(one.load is None for one in foreseen),
        most=experiment.http_attempts_at_most(),
    )
