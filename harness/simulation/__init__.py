"""The third level beside real sockets and virtual time: whole workloads as arithmetic on arrays, without SDK or loop.

It knows restarts and hedges, gather and window, and attempts that are independent of each other and fail by silence
only; `why_not` says what is missing for anything else. What it does know it plays as virtual time does, to 1e-9 s on
the same draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.simulation.dispatch import gathered, windowed
from harness.simulation.draws import Draws, FromProfile, FromScripts, FromTimes
from harness.simulation.reasons import why_not
from harness.simulation.requests import Requests, play
from harness.strategies import Played

__all__ = ["Draws", "FromProfile", "FromScripts", "FromTimes", "Requests", "Simulated", "play", "simulate", "why_not"]

Floats = NDArray[np.float64]
#: Requests that are played at a time, and trials that are scheduled at a time: few enough for their arrays to stay in
#: the processor's cache, enough for each step in Python to be worth its while.
_REQUESTS, _TRIALS = 50_000, 400


@dataclass(frozen=True, eq=False)
class Simulated:
    """Totals in seconds, failed requests and attempts of each trial; all of shape (trials,)."""

    totals: Floats
    failed: NDArray[np.int64]
    attempts: NDArray[np.int64]
    requests: int

    @property
    def load(self) -> float:
        """Attempts per request, over all trials."""
        return float(self.attempts.sum() / (self.requests * self.attempts.size))


def simulate(strategy: Played, draws: Draws, *, trials: int, batches: int = 10, batch_size: int = 100) -> Simulated:
    """Play so many trials of a workload, released as the strategy's own dispatch says.

    Request r of trial t is row t x batches x batch_size + r of the draws. Raises UserError for a strategy that depends
    on more than the attempts of one request.
    """
    reason = why_not(strategy)
    if reason is not None:
        raise UserError(f"{strategy.name} cannot be simulated: {reason}; run it in virtual time")
    requests = batches * batch_size
    total = _total(strategy, batch_size)
    parts = []
    for first in range(0, trials, _TRIALS):
        count = min(_TRIALS, trials - first)
        played = _played(strategy, draws, first * requests, count * requests)
        shape = (count, requests)
        failed, extra = played.failed.reshape(shape).sum(axis=1), played.extra.reshape(shape).sum(axis=1)
        parts.append((total(played.times.reshape(shape)), failed, extra + requests))
    totals, failed, attempts = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Simulated(totals, failed, attempts, requests)


def _played(strategy: Played, draws: Draws, first: int, count: int) -> Requests:
    edges = range(first, first + count, _REQUESTS)
    parts = [play(strategy, draws, first=at, count=min(_REQUESTS, first + count - at)) for at in edges]
    return Requests(*(np.concatenate([getattr(one, name) for one in parts]) for name in ("times", "failed", "extra")))


def _total(strategy: Played, batch_size: int) -> Callable[[Floats], Floats]:
    if strategy.dispatch == "gather":
        return lambda times: gathered(times, batch_size)
    return lambda times: windowed(times, strategy.in_flight)
