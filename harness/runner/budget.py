"""How much a run may send at most, and whether that was allowed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.config import Experiment
from harness.errors import BudgetError


@dataclass(frozen=True)
class Ceiling:
    """The most that a run can send: HTTP attempts, and output tokens when each request limits its own."""

    requests: int
    http_attempts: int
    tokens: int | None

    @classmethod
    def of(cls, experiment: Experiment) -> Ceiling:
        """The ceiling of an experiment: retries multiply, (max_retries + 1) x tenacity attempts a request."""
        return cls(
            requests=experiment.most_trials * experiment.requests_per_trial,
            http_attempts=experiment.http_attempts_at_most(),
            tokens=experiment.tokens_at_most(),
        )

    def __str__(self) -> str:
        tokens = "an unlimited number of" if self.tokens is None else f"{self.tokens:,}"
        return (
            f"{self.requests:,} requests, at most {self.http_attempts:,} HTTP attempts (retries multiply)"
            f" and {tokens} output tokens"
        )


def check(experiment: Experiment, *, confirm: Callable[[str], bool] | None) -> Ceiling:
    """The ceiling of the run, after making sure that it is allowed.

    A real API needs `budget.max_requests` and `workload.max_tokens`, or a yes from `confirm`, which is None where
    nobody can be asked. Raises BudgetError (exit code 4) when the run is not allowed.
    """
    ceiling = Ceiling.of(experiment)
    limit = experiment.settings.budget.max_requests
    if limit is not None and ceiling.http_attempts > limit:
        raise BudgetError(
            f"this run may send {ceiling.http_attempts:,} HTTP attempts, more than budget.max_requests={limit:,}\n"
            f"raise the budget, or lower trials, workload.batches, max_retries or tenacity_attempts"
        )
    if experiment.settings.target.kind == "mock":
        return ceiling
    missing = [
        key for key, value in (("budget.max_requests", limit), ("workload.max_tokens", ceiling.tokens)) if value is None
    ]
    if missing and (
        confirm is None or not confirm(f"This run sends {ceiling} to {experiment.settings.target.base_url}. Go on?")
    ):
        raise BudgetError(
            f"this run would send {ceiling} to a real API\n"
            f"allow it with {' and '.join(f'{key}=N' for key in missing)} (HTTP attempts and tokens cost money)"
        )
    return ceiling
