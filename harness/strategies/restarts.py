"""Restarting: one attempt at a time, given up when its first content takes too long; how long, is the difference."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from harness.strategies.base import STRICT, Count, Seconds, Share
from harness.strategies.learning import RecentQuantile, RoundTrip, Survival, TrackedQuantile, luby
from harness.strategies.memory import Learner, Memory
from harness.strategies.played import Played, limit_of


@dataclass(frozen=True, config=STRICT)
class Restart(Played):
    """after a fixed time; with `escalation`, each time later"""

    kind: Literal["restart"] = "restart"


@dataclass(frozen=True, config=STRICT)
class Luby(Played):
    """after `timeout` times 1 1 2 1 1 2 4 ...: within a logarithm of the best schedule, whatever the distribution"""

    kind: Literal["luby"] = "luby"

    def first_content_s(self, round_: int, memory: Memory) -> float:  # noqa: ARG002 - learns nothing
        """`timeout` times the term of Luby's sequence."""
        return limit_of(self.timeout) * luby(round_ + 1)


@dataclass(frozen=True, config=STRICT)
class _Learnt(Played):
    """After a time that is learnt; `timeout` until `warm_up` attempts have been seen, and never more than it later.

    `least_s` is never undercut.
    """

    warm_up: Count = 20
    least_s: Seconds = 0.1

    @model_validator(mode="after")
    def _has_a_first_timeout(self) -> _Learnt:
        if limit_of(self.timeout) == float("inf"):
            raise ValueError("timeout: needed until something has been learnt")
        if self.least_s > limit_of(self.timeout):
            raise ValueError(f"least_s ({self.least_s:g} s) is above timeout ({limit_of(self.timeout):g} s)")
        return self

    def learnt_s(self, learner: Any) -> float | None:
        """What the learner makes of it, in seconds; None while it knows too little."""
        found: float | None = learner.seconds
        return found

    def first_content_s(self, round_: int, memory: Memory) -> float:
        """What has been learnt, with the patience of the round."""
        learnt = self.learnt_s(memory.learner)
        limit = limit_of(self.timeout)
        return (limit if learnt is None else min(max(learnt, self.least_s), limit)) * self.escalation**round_


@dataclass(frozen=True, config=STRICT)
class Optimal(_Learnt):
    """after the time that is best for the `mean` or for the `makespan` of `requests` together, by the attempts seen"""

    objective: Literal["makespan", "mean"] = "makespan"
    requests: Count = 100
    kind: Literal["optimal"] = "optimal"

    def learner(self) -> Learner:
        """Of the distribution as a whole."""
        return Survival(self.objective, requests=self.requests, warm_up=self.warm_up)


@dataclass(frozen=True, config=STRICT)
class QuantileTimeout(_Learnt):
    """after a recent quantile of the time to first content, times a factor"""

    quantile: Share = 0.95
    factor: Annotated[float, Field(ge=1)] = 1.5
    kind: Literal["quantile_timeout"] = "quantile_timeout"

    def learner(self) -> Learner:
        """Of recent answers."""
        return RecentQuantile(self.quantile, warm_up=self.warm_up)

    def learnt_s(self, learner: Any) -> float | None:
        """The quantile times the factor."""
        found: float | None = learner.seconds
        return None if found is None else found * self.factor


@dataclass(frozen=True, config=STRICT)
class RtoTimeout(_Learnt):
    """after TCP's retransmission timeout: mean + 4 deviations, by Karn's rule"""

    kind: Literal["rto"] = "rto"

    def learner(self) -> Learner:
        """Of mean and deviation."""
        return RoundTrip(warm_up=self.warm_up)


@dataclass(frozen=True, config=STRICT)
class TrackedTimeout(_Learnt):
    """after a quantile that is tracked without being fooled by the attempts that were given up, times a factor"""

    quantile: Annotated[float, Field(gt=0, lt=1)] = 0.97
    factor: Annotated[float, Field(ge=1)] = 1.5
    eta: Annotated[float, Field(gt=0, le=1)] = 0.2
    kind: Literal["tracked_timeout"] = "tracked_timeout"

    def learner(self) -> Learner:
        """A tracker that begins at `timeout` and comes down."""
        return TrackedQuantile(limit_of(self.timeout), self.quantile, eta=self.eta)

    def learnt_s(self, learner: Any) -> float | None:
        """The tracked quantile times the factor."""
        found: float = learner.seconds
        return found * self.factor
