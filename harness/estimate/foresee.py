"""How long each cell's trial takes and how many attempts it makes, simulated where the simulation knows it.

The published strategies (`kind: sdk`) are simulated as restarts after the SDK's timeout, without the second or so of
back-off that follows one: good for "about".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.config import Cell, Experiment
from harness.simulation import Draws, FromProfile, simulate, why_not
from harness.simulation.draws import Ints, Pair
from harness.simulation.reasons import why_not_profile
from harness.strategies import OFF, Strategy
from harness.strategies.played import Played
from harness.strategies.restarts import Restart
from harness.strategies.sdk import Sdk

#: What the SDK waits for when it is told nothing, in seconds.
SDK_TIMEOUT_S = 600.0
#: Requests that are simulated for all cells together (some 50 ns each), trials of one cell, and cells (1 ms each).
REQUESTS, TRIALS, CELLS = 2_000_000, 100, 100
_SEED = 2024


@dataclass(frozen=True)
class Foreseen:
    """Expected seconds and attempts per request of one trial of a cell, or the reason why they are not known."""

    cell: str
    total_s: float | None
    load: float | None
    why_not: str | None = None


def foresee(experiment: Experiment) -> list[Foreseen]:
    """What can be foreseen of each cell."""
    requests = experiment.requests_per_trial
    if experiment.settings.workload.arrivals is not None:
        # What comes of itself takes as long as it comes, and little longer.
        scale = experiment.settings.time_scale
        return [Foreseen(cell.name, cell.workload.lasts_s * scale, None) for cell in experiment.cells]
    if experiment.settings.target.kind != "mock":
        return [_unknown(cell, "a real API keeps its own time") for cell in experiment.cells]
    if experiment.settings.target.base_url is not None:
        return [_unknown(cell, "the mock at target.base_url keeps its own profile") for cell in experiment.cells]
    if len(experiment.cells) > CELLS or requests > REQUESTS:
        return [_unknown(cell, "it is too large to be simulated beforehand") for cell in experiment.cells]
    trials = max(1, min(TRIALS, REQUESTS // requests))
    return [_of_cell(cell, trials, experiment.settings.time_scale) for cell in experiment.cells]


def _of_cell(cell: Cell, trials: int, scale: float) -> Foreseen:
    strategy, whole = as_played(cell.strategy)
    differ = "its requests ask for answers of different lengths" if cell.workload.answers_differ else None
    reason = (
        differ
        or why_not_profile(cell.profile)
        or (f"{cell.strategy.name} does not decide by fixed times" if strategy is None else _named(strategy))
    )
    if strategy is None or reason is not None:
        return _unknown(cell, reason or "")
    draws: Draws = FromProfile(cell.profile, _SEED, tokens=cell.workload.max_tokens)
    requests = len(cell.workload)
    size = min(cell.batch_size, requests)
    found = simulate(
        strategy,
        _Whole(draws) if whole else draws,
        trials=trials,
        batches=math.ceil(requests / size),
        batch_size=size,
    )
    return Foreseen(cell.name, float(found.totals.mean()) * scale, found.load)


def _named(strategy: Played) -> str | None:
    reason = why_not(strategy)
    return None if reason is None else f"{strategy.name} cannot be simulated ({reason})"


def as_played(strategy: Strategy) -> tuple[Played | None, bool]:
    """A strategy as the simulation knows it, and whether its timers wait for whole answers; None if it is none."""
    if isinstance(strategy, Played):
        return strategy, False
    if not isinstance(strategy, Sdk):
        return None, False
    timeout = SDK_TIMEOUT_S if strategy.timeout is None else strategy.timeout
    restart = Restart(
        name=strategy.name,
        timeout=timeout,
        max_retries=strategy.http_attempts_at_most - 1,
        dispatch=strategy.dispatch,
        in_flight=strategy.in_flight,
        stagger_s=strategy.stagger_s,
        connect_timeout=OFF,
        idle_timeout=OFF,
        attempt_timeout=OFF,
        total_timeout=OFF,
    )
    return restart, not strategy.stream


class _Whole:
    """Attempts whose content comes all at once, at their end: answers that are not streamed."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws

    def first_attempts(self, first: int, count: int) -> Pair:
        """As the draws have them, with the end for the first content."""
        _, ends = self._draws.first_attempts(first, count)
        return ends.copy(), ends

    def further(self, rows: Ints, numbers: Ints) -> Pair:
        """The same for later attempts."""
        _, ends = self._draws.further(rows, numbers)
        return ends.copy(), ends


def _unknown(cell: Cell, reason: str) -> Foreseen:
    return Foreseen(cell.name, None, None, reason)
