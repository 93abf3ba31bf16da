"""What a run comes to before it is played: its matrix, attempts, tokens, money and time. Pure; nothing is sent."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from harness.config import Experiment
from harness.estimate.attempts import Attempts, attempts
from harness.estimate.duration import Duration, duration
from harness.estimate.foresee import Foreseen, foresee
from harness.estimate.matrix import Matrix, matrix
from harness.estimate.pool import Pool, pool
from harness.estimate.tokens import Cost, Tokens, cost, tokens

__all__ = ["Attempts", "Cost", "Duration", "Estimate", "Foreseen", "Matrix", "Pool", "Tokens", "estimate"]


@dataclass(frozen=True)
class Estimate:
    """What is known of a run beforehand; `cost` is None without `budget.price`."""

    matrix: Matrix
    attempts: Attempts
    tokens: Tokens
    cost: Cost | None
    duration: Duration
    clock: str
    target: str
    trials: int
    #: With `trials: auto`, how many there can be at most.
    most_trials: int
    reference: str
    #: The mock's, where it is the same for all cells.
    profile: str | None
    #: Of the cell that asks most of it, where it asks for more than there is.
    pool: Pool | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and words, as `--dry-run --json` prints them."""
        return asdict(self)


def estimate(experiment: Experiment) -> Estimate:
    """Estimate a run. It takes a tenth of a second or so, however large the run is."""
    settings = experiment.settings
    own = settings.target.kind == "mock" and not settings.target.base_url
    foreseen = foresee(experiment)
    expected = attempts(experiment, foreseen)
    used = tokens(experiment, expected)
    return Estimate(
        matrix=matrix(settings.matrix, len(experiment.cells)),
        attempts=expected,
        tokens=used,
        cost=cost(settings.budget.price, used),
        duration=duration(experiment, foreseen, expected),
        clock=experiment.clock,
        target=settings.target.kind,
        trials=experiment.trials,
        most_trials=experiment.most_trials,
        reference=experiment.reference,
        profile=settings.profile.name if own and "profile" not in settings.matrix else None,
        pool=pool(experiment),
    )
