"""Strategies that the harness plays by itself, with the SDK's own retries off: timers, retries and their budgets."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from harness.strategies.base import OFF, STRICT, Flag, Seconds, Strategy, Timeout, Times
from harness.strategies.budgets import Breaker, Budget
from harness.strategies.memory import Learner, Memory
from harness.strategies.situation import NEVER, GiveUp, Launch, Plan, Seen, Situation

#: A server that asks for more patience than this is not asked again, as with the SDK.
LONGEST_RETRY_AFTER_S = 120.0
#: When a budget refuses a restart, the attempt goes on, and is looked at again after this share of its limit.
_LOOK_AGAIN = 0.25


@dataclass(frozen=True, config=STRICT)
class Backoff:
    """Waits between a failure and the next try: min(base 2^k, most), of which the share `jitter` is random.

    "Equal jitter" is 0.5 (M. Brooker, "Exponential backoff and jitter", AWS 2015). A Retry-After is obeyed, and
    prolonged by up to `retry_after_jitter` of itself, so that not all come back at once. Whoever is turned away again
    waits for the longer of the two: a server that tells a crowd when its next place is free has one place.
    """

    base_s: Annotated[float, Field(ge=0)] = 0.5
    most_s: Seconds = 8.0
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.5
    retry_after_jitter: Annotated[float, Field(ge=0, le=1)] = 0.2

    def wait_s(self, failures: int, retry_after_s: float | None, u: float) -> float:
        """Seconds to wait after so many failures; `u` in (0, 1) draws what is random."""
        longest = min(self.base_s * 2.0 ** (failures - 1), self.most_s)
        own = longest * (1 - self.jitter * (1 - u))
        if retry_after_s is None:
            return own
        told = retry_after_s * (1 + self.retry_after_jitter * u)
        return told if failures == 1 else max(told, own)

    def scaled(self, factor: float) -> Backoff:
        """The same waits multiplied by `factor`."""
        return Backoff(self.base_s * factor, self.most_s * factor, self.jitter, self.retry_after_jitter)


@dataclass(frozen=True, config=STRICT)
class Played(Strategy):
    """Timers of their own for each phase, one retry loop, and budgets.

    Seconds: `connect_timeout` to connect; `headers_timeout` from send to headers; `timeout` from send to first content;
    `idle_timeout` between contents; `attempt_timeout` from send to the end of an attempt; `total_timeout` from the
    request's begin, over all attempts; null or off is no limit. An attempt that is given up before its first content is
    followed by another at once, one that failed after a `backoff`; up to `max_retries` times. Each retry has
    `escalation` times the patience of the one before; with `patient`, the last attempt waits for its content as long as
    the other timers let it. An answer with a finish reason is complete: it is accepted `grace_s` later even if its end
    does not come. With `fresh_connection`, retries do not use pooled connections. `retry_budget` and `breaker` can
    refuse a retry: an attempt without content then goes on instead.
    """

    stream: Flag = True
    timeout: Timeout = 10.0
    connect_timeout: Timeout = 2.0
    headers_timeout: Timeout = None
    idle_timeout: Timeout = 15.0
    attempt_timeout: Timeout = 60.0
    total_timeout: Timeout = 120.0
    max_retries: Times = 5
    escalation: Annotated[float, Field(ge=1)] = 1.0
    patient: Flag = False
    backoff: Backoff = Backoff()
    grace_s: Annotated[float, Field(ge=0)] = 1.0
    fresh_connection: Flag = False
    retry_budget: Budget | None = None
    breaker: Breaker | None = None

    @model_validator(mode="after")
    def _timers_agree(self) -> Played:
        def limits(*names: str) -> list[tuple[str, float]]:
            return [(name, limit_of(getattr(self, name))) for name in names]

        for chain in (
            limits("connect_timeout", "attempt_timeout", "total_timeout"),
            limits("headers_timeout", "timeout", "attempt_timeout", "total_timeout"),
            limits("idle_timeout", "attempt_timeout"),
        ):
            given = [limit for limit in chain if limit[1] < NEVER]
            for smaller, larger in pairwise(given):
                if smaller[1] > larger[1]:
                    raise ValueError(_contradiction(smaller, larger))
        return self

    # -- what kinds of strategies override

    def first_content_s(self, round_: int, memory: Memory) -> float:  # noqa: ARG002 - learners look into it
        """How long attempts of a round (the number of retries before) may take to their first content, in seconds."""
        return limit_of(self.timeout) * self.escalation**round_

    def hedge_s(self, situation: Situation, memory: Memory) -> float:  # noqa: ARG002 - as above
        """How old the latest attempt may get before a copy is sent, in seconds."""
        return NEVER

    def keeps(self, attempt: Seen) -> bool:  # noqa: ARG002 - as above
        """Whether an attempt goes on beside the retries that follow it."""
        return False

    @property
    def hedge_budgets(self) -> tuple[Budget, ...]:
        """What limits copies."""
        return ()

    @property
    def wake_at(self) -> float | None:
        """The share of a batch after which those that are left ask again."""
        return None

    def learner(self) -> Learner | None:
        """A new one, for strategies that learn."""
        return None

    def memory(self) -> Memory:
        """What the requests of one client share; empty at first."""
        breaker = [] if self.breaker is None else [self.breaker.bucket()]
        retry = [] if self.retry_budget is None else [self.retry_budget.bucket()]
        hedge = [budget.bucket() for budget in self.hedge_budgets]
        return Memory(self.learner(), retry=[*retry, *breaker], hedge=[*hedge, *breaker], wake_at=self.wake_at)

    # -- what follows from it

    @property
    def http_attempts_at_most(self) -> int:
        """The most HTTP attempts that one request can make."""
        return (self.max_retries + 1) * (self.hedges + 1)

    @property
    def needs_fresh_connections(self) -> bool:
        """Whether retries must not use a pooled connection."""
        return self.fresh_connection

    def plan(self, situation: Situation, memory: Memory) -> Plan:
        """At what instants to give up, retry, hedge, accept or fail."""
        deadline = situation.start_s + limit_of(self.total_timeout)
        under_way = situation.open
        if not under_way:
            return Plan(launch=self._next(situation, memory, deadline), deadline_s=deadline)
        answering = next((attempt for attempt in under_way if attempt.first_content_s is not None), None)
        if answering is not None:
            return self._answering(answering, under_way, situation.now_s, deadline)
        alone = len(under_way) == 1
        give_up = tuple(self._patience(attempt, situation, memory, alone=alone) for attempt in under_way)
        launch = self._hedge(situation, under_way, memory)
        if alone and self.keeps(under_way[0]):
            retry = self._retry_beside(under_way[0], situation, memory, deadline)
            if launch is None or (retry is not None and retry.at_s < launch.at_s):
                launch = retry
        return Plan(give_up, launch, deadline)

    def _answering(self, answering: Seen, under_way: list[Seen], now_s: float, deadline: float) -> Plan:
        """Content decides the race: the others are given up."""
        losers = [GiveUp(attempt.number, now_s) for attempt in under_way if attempt is not answering]
        idle, whole = limit_of(self.idle_timeout), limit_of(self.attempt_timeout)
        last = answering.sent_s if answering.last_content_s is None else answering.last_content_s
        if answering.finished_s is not None:
            return Plan(tuple(losers), None, NEVER, answering.finished_s + self.grace_s)
        if last + idle <= answering.sent_s + whole:
            ending = GiveUp(answering.number, last + idle, f"no content for {idle:g} s")
        else:
            ending = GiveUp(answering.number, answering.sent_s + whole, f"not done within {whole:g} s")
        return Plan((*losers, ending), None, deadline)

    def _patience(self, attempt: Seen, situation: Situation, memory: Memory, *, alone: bool) -> GiveUp:
        """When an attempt without content is given up."""
        whole, headers = limit_of(self.attempt_timeout), limit_of(self.headers_timeout)
        limit = self.first_content_s(attempt.round, memory)
        why = f"no content within {limit:g} s"
        if attempt.headers_s is None and headers < limit:
            limit, why = headers, f"no headers within {headers:g} s"
        at_s = NEVER if self.keeps(attempt) else attempt.sent_s + limit
        if alone:
            if self.patient and situation.retries >= self.max_retries:
                at_s = NEVER
            elif at_s <= situation.now_s and not self._may_retry(situation, memory):
                at_s = situation.now_s + _LOOK_AGAIN * limit
        if at_s > attempt.sent_s + whole:
            return GiveUp(attempt.number, attempt.sent_s + whole, f"not done within {whole:g} s")
        return GiveUp(attempt.number, at_s, why)

    def _may_retry(self, situation: Situation, memory: Memory) -> bool:
        # Out of retries a request fails at its limit, unless it is patient: that is no matter of budgets.
        return situation.retries >= self.max_retries or memory.allows("retry", situation.now_s)

    def _hedge(self, situation: Situation, under_way: list[Seen], memory: Memory) -> Launch | None:
        copies = sum(attempt.kind == "hedge" and attempt.round == situation.retries for attempt in situation.attempts)
        if copies >= self.hedges:
            return None
        delay = self.hedge_s(situation, memory)
        at_s = max(attempt.sent_s for attempt in under_way) + delay
        if at_s <= situation.now_s and not memory.allows("hedge", situation.now_s):
            at_s = situation.now_s + _LOOK_AGAIN * max(delay, 0.1)
        return Launch(at_s, "hedge")

    def _next(self, situation: Situation, memory: Memory, deadline: float) -> Launch | None:
        """The first attempt, or the one after a failure; None when the request has failed."""
        if not situation.attempts:
            return Launch(situation.start_s, "first")
        last = situation.last_ended
        at_s, asked = self._after(last, situation), last.retry_after_s is not None
        if at_s >= deadline or not memory.allows("retry", situation.now_s, asked=asked):
            return None
        return Launch(at_s, "retry", asked)

    def _retry_beside(self, kept: Seen, situation: Situation, memory: Memory, deadline: float) -> Launch | None:
        """The retry that goes with an attempt that is kept, when the patience with it or its rivals is over."""
        at_s = kept.sent_s + self.first_content_s(kept.round, memory)
        asked = False
        if len(situation.attempts) > 1:
            last = situation.last_ended
            at_s, asked = max(at_s, self._after(last, situation)), last.retry_after_s is not None
        if at_s >= deadline or situation.retries >= self.max_retries:
            return None
        if at_s <= situation.now_s and not memory.allows("retry", situation.now_s, asked=asked):
            at_s = situation.now_s + _LOOK_AGAIN * self.first_content_s(situation.retries, memory)
        return Launch(at_s, "retry", asked)

    def _after(self, last: Seen, situation: Situation) -> float:
        """When a retry may follow an attempt that is over; never, if there are none left or asking again is no use."""
        if situation.retries >= self.max_retries:
            return NEVER
        if last.outcome == "timeout":
            return last.end_s
        told = last.retry_after_s
        if not last.retryable or (told is not None and told > LONGEST_RETRY_AFTER_S):
            return NEVER
        failures = sum(attempt.outcome not in {None, "timeout", "cancelled"} for attempt in situation.attempts)
        return last.end_s + self.backoff.wait_s(failures, told, situation.jitter(len(situation.attempts)))


def limit_of(timeout: Any) -> float:
    """A timer in seconds; infinity when there is none."""
    return NEVER if timeout is None or timeout == OFF else float(timeout)


def _contradiction(smaller: tuple[str, float], larger: tuple[str, float]) -> str:
    return f"{smaller[0]} ({smaller[1]:g} s) is above {larger[0]} ({larger[1]:g} s), so it would never be reached"
