"""How many requests may be in flight: fixed, or adapted to what comes back. Pure: they know only what they are told."""

from __future__ import annotations

from typing import Protocol

from harness.records import Outcome
from harness.strategies.base import Strategy


class Limiter(Protocol):
    """Says how many requests may be under way at once."""

    @property
    def limit(self) -> int:
        """At least 1."""

    def ended(self, outcome: Outcome, in_flight: int) -> None:
        """A request ended, while so many were under way with it."""


class Fixed:
    """Always the same."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def ended(self, outcome: Outcome, in_flight: int) -> None:
        """Nothing changes."""


def _pushed_back(outcome: Outcome) -> bool:
    """Whether the server said, on any attempt, that it is asked too much."""
    return any(attempt.status in {429, 503, 529} for attempt in outcome.attempts)


class Aimd:
    """Additive increase, multiplicative decrease: one more for every limit's worth of answers, half after a push-back.

    Chiu and Jain, "Analysis of the increase and decrease algorithms for congestion avoidance" (1989). What began before
    the last decrease does not cause another one.
    """

    def __init__(self, start: int) -> None:
        self._limit = float(start)
        self._decreased_s = -1.0

    @property
    def limit(self) -> int:
        """At least 1."""
        return max(1, int(self._limit))

    def ended(self, outcome: Outcome, in_flight: int) -> None:
        """Grow or shrink."""
        if _pushed_back(outcome) or not outcome.ok:
            if outcome.begun_s >= self._decreased_s:
                self._limit = max(1.0, self._limit / 2)
                self._decreased_s = outcome.end_s
        elif in_flight >= self.limit:
            self._limit += 1 / self._limit


class Gradient:
    """The limit follows the ratio of a long-term to a short-term mean of TTFT, plus the square root of itself as queue.

    Netflix, "concurrency-limits" (2018), its Gradient2Limit: limit <- 0.8 limit + 0.2 (limit g + sqrt(limit)) with
    g = min(1, max(0.5, 1.5 long / short)). A push-back halves the limit.
    """

    def __init__(self, start: int, *, most: int) -> None:
        self._limit, self._most = float(start), float(most)
        self._short = self._long = 0.0
        self._decreased_s = -1.0

    @property
    def limit(self) -> int:
        """At least 1."""
        return max(1, int(self._limit))

    def ended(self, outcome: Outcome, in_flight: int) -> None:
        """Follow what the request saw."""
        if _pushed_back(outcome) or not outcome.ok:
            if outcome.begun_s >= self._decreased_s:
                self._limit = max(1.0, self._limit / 2)
                self._decreased_s = outcome.end_s
            return
        ttft = outcome.ttft_s
        if ttft is None:
            return
        self._short = ttft if not self._short else self._short + (ttft - self._short) / 10
        self._long = ttft if not self._long else self._long + (ttft - self._long) / 100
        if in_flight < self._limit / 2 or self._short <= 0:
            return
        gradient = max(0.5, min(1.0, 1.5 * self._long / self._short))
        wanted = self._limit * gradient + self._limit**0.5
        self._limit = min(max(1.0, 0.8 * self._limit + 0.2 * wanted), self._most)


def limiter(strategy: Strategy) -> Limiter | None:
    """The limiter of a strategy's dispatch; None for `gather`, which waits for whole batches, and `open`."""
    if strategy.dispatch in {"gather", "open"}:
        return None
    if strategy.dispatch == "aimd":
        return Aimd(strategy.in_flight)
    if strategy.dispatch == "gradient":
        return Gradient(strategy.in_flight, most=10 * strategy.in_flight)
    return Fixed(strategy.in_flight)
