"""Hedging: a copy beside an attempt that takes long. The first to give content wins, the others are cancelled."""

from __future__ import annotations

from statistics import median
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from harness.strategies.base import STRICT, Count, Flag, Seconds, Share, Timeout, Times
from harness.strategies.budgets import Breaker, Budget, ShareBudget
from harness.strategies.learning import BodyAndTail, RecentQuantile
from harness.strategies.memory import Learner, Memory
from harness.strategies.played import Played, limit_of
from harness.strategies.situation import NEVER, Seen, Situation


@dataclass(frozen=True, config=STRICT)
class _Hedging(Played):
    """Up to `max_hedges` copies of an attempt, one after another, as far as `hedge_budget` and `breaker` let it.

    Raises ValueError without a limit to single attempts: both copies can get stuck (of 100 requests at 5 %, in 22 % of
    batches).
    """

    max_hedges: Count = 1
    hedge_budget: Budget | None = None

    @model_validator(mode="after")
    def _attempts_are_limited(self) -> _Hedging:
        if limit_of(self.timeout) == NEVER and limit_of(self.attempt_timeout) == NEVER:
            raise ValueError("timeout: a hedge needs a limit to single attempts, since both copies can get stuck")
        delay = getattr(self, "delay", None)
        limit = min(limit_of(self.timeout), limit_of(self.attempt_timeout))
        if isinstance(delay, float) and delay >= limit:
            raise ValueError(
                f"delay: a copy after {delay:g} s never comes, since the attempt is given up after {limit:g} s"
            )
        return self

    @property
    def hedges(self) -> int:
        """How many copies an attempt can have at most."""
        return self.max_hedges

    @property
    def hedge_budgets(self) -> tuple[Budget, ...]:
        """What limits copies."""
        return () if self.hedge_budget is None else (self.hedge_budget,)


@dataclass(frozen=True, config=STRICT)
class Hedge(_Hedging):
    """a copy after a fixed `delay` without content; 0 sends two at once"""

    delay: Annotated[float, Field(ge=0)] = 2.0
    kind: Literal["hedge"] = "hedge"

    def hedge_s(self, situation: Situation, memory: Memory) -> float:  # noqa: ARG002 - always the same
        """The delay."""
        return self.delay


@dataclass(frozen=True, config=STRICT)
class QuantileHedge(_Hedging):
    """a copy after a recent quantile of the time to first content; `first_delay` until `warm_up` have been seen"""

    quantile: Share = 0.95
    first_delay: Seconds = 5.0
    warm_up: Count = 20
    kind: Literal["quantile_hedge"] = "quantile_hedge"

    def learner(self) -> Learner:
        """Of recent answers."""
        return RecentQuantile(self.quantile, warm_up=self.warm_up)

    def hedge_s(self, situation: Situation, memory: Memory) -> float:  # noqa: ARG002 - the same for all
        """The quantile."""
        learner: Any = memory.learner
        return self.first_delay if learner.seconds is None else float(learner.seconds)


@dataclass(frozen=True, config=STRICT)
class Speculation(_Hedging):
    """once a share `done` of a batch is finished, a copy of what runs longer than `factor` medians of it

    MapReduce's backup tasks with Spark's speculation.quantile and speculation.multiplier (Dean and Ghemawat,
    "MapReduce", OSDI 2004; Spark's configuration reference).
    """

    done: Share = 0.75
    factor: Annotated[float, Field(ge=1)] = 1.5
    kind: Literal["speculation"] = "speculation"

    @property
    def wake_at(self) -> float:
        """Everybody asks again when so much is done."""
        return self.done

    def hedge_s(self, situation: Situation, memory: Memory) -> float:  # noqa: ARG002 - the same for all
        """Never before enough is done; then as many medians."""
        if memory.done_share < self.done:
            return NEVER
        return self.factor * float(median(memory.durations))


@dataclass(frozen=True, config=STRICT)
class Adaptive(_Hedging):
    """learns when an attempt is late, sends copies of it within a budget, and stops where they bring nothing

    Nothing need be known of the server. A copy is sent after the time that a share `hedged` of attempts exceeds, or
    `factor` medians if that is less; a copy is given up after `patience` medians, and a retry takes its place; until
    half of the first requests have been answered, and at least `warm_up`, after `first_delay` and `timeout`; never
    before `least_s`. The first attempt is never given up before `attempt_timeout`: what restarts cannot cure, a prompt
    that is slow by nature, takes no longer than without them. Whoever answers first wins. `hedge_budget` and
    `retry_budget` limit the extra load, and the `breaker` ends both where copies and retries bring no answers.
    """

    timeout: Timeout = 10.0
    attempt_timeout: Timeout = 600.0
    total_timeout: Timeout = 900.0
    idle_timeout: Timeout = 30.0
    max_retries: Times = 5
    patient: Flag = True
    max_hedges: Count = 2
    hedged: Annotated[float, Field(gt=0, lt=0.5)] = 0.04
    factor: Annotated[float, Field(gt=1)] = 2.5
    patience: Annotated[float, Field(gt=1)] = 5.0
    first_delay: Seconds = 5.0
    least_s: Seconds = 0.1
    warm_up: Count = 20
    hedge_budget: Budget | None = ShareBudget(share=0.1, reserve=100.0)
    retry_budget: Budget | None = ShareBudget(share=0.4, reserve=100.0)
    breaker: Breaker | None = Breaker(least_useful=0.1, window=40)
    kind: Literal["adaptive"] = "adaptive"

    @model_validator(mode="after")
    def _patience_is_longer(self) -> Adaptive:
        if self.patience <= self.factor:
            raise ValueError(
                f"patience ({self.patience:g} medians) is not above factor ({self.factor:g}): no copy would ever come"
            )
        return self

    def keeps(self, attempt: Seen) -> bool:
        """The first attempt: whatever the retries do, the request takes no longer than without them."""
        return attempt.kind == "first"

    def learner(self) -> Learner:
        """Of the body and the tail."""
        return BodyAndTail(tail=self.hedged, factor=self.factor, warm_up=self.warm_up)

    def first_content_s(self, round_: int, memory: Memory) -> float:
        """So many medians, doubled with each round."""
        learner: Any = memory.learner
        median_s: float | None = learner.median_s
        limit = limit_of(self.timeout) if median_s is None else self.patience * max(median_s, self.least_s)
        return limit * self.escalation**round_

    def hedge_s(self, situation: Situation, memory: Memory) -> float:
        """Where the tail begins, doubled with each round."""
        learner: Any = memory.learner
        tail_s: float | None = learner.tail_s
        return (self.first_delay if tail_s is None else max(tail_s, self.least_s)) * self.escalation**situation.retries
