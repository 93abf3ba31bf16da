"""What keeps retries and hedges from doing harm: budgets of extra load, and a breaker where they do not help.

A retry after a Retry-After is one that the server expects at that time: shares and breakers let it pass, uncounted.
"""

from __future__ import annotations

from collections import deque
from typing import Annotated, Literal, Protocol

from pydantic import Field
from pydantic.dataclasses import dataclass

from harness.strategies.base import STRICT, Count, Seconds, Share


class Bucket(Protocol):
    """Says whether one more attempt may be made; knows nothing of clocks but what it is told."""

    #: Whether it also limits retries that the server has asked for, by saying when to come back.
    limits_asked: bool

    def allows(self, now_s: float) -> bool:
        """Whether an extra attempt may begin."""

    def requested(self) -> None:
        """A request begins."""

    def spent(self) -> None:
        """An extra attempt begins."""

    def ended(self, *, extra: bool, useful: bool, failed: bool, now_s: float) -> None:
        """An attempt ended: `useful` if the request's answer is its own, `failed` if it came to nothing."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ShareBudget:
    """At most a `share` of extra attempts per request, with `reserve` of them in hand at the start.

    Finagle's RetryBudget ("Finagle", Twitter 2011, maxExtraLoad in its MethodBuilder), without its expiry.
    """

    share: Share = 0.1
    reserve: Annotated[float, Field(ge=0)] = 10.0
    kind: Literal["share"] = "share"

    def bucket(self) -> Bucket:
        """A full one."""
        return _ShareBucket(self)


class _ShareBucket:
    limits_asked = False

    def __init__(self, budget: ShareBudget) -> None:
        self._share, self._most = budget.share, max(budget.reserve, 1.0)
        self._left = budget.reserve

    def allows(self, now_s: float) -> bool:  # noqa: ARG002 - tokens do not depend on time
        # The sum of many shares may be a hair below the whole number that it stands for.
        return self._left >= 1 - 1e-9

    def requested(self) -> None:
        self._left = min(self._left + self._share, self._most)

    def spent(self) -> None:
        self._left -= 1

    def ended(self, *, extra: bool, useful: bool, failed: bool, now_s: float) -> None:
        pass


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ThrottleBudget:
    """gRPC's retry throttling: a failure costs one of `tokens`, a success gives back `ratio`; extra attempts only while
    more than half of them are left (gRFC A6, "client retries").
    """

    tokens: Annotated[float, Field(gt=0)] = 10.0
    ratio: Share = 0.1
    kind: Literal["throttle"] = "throttle"

    def bucket(self) -> Bucket:
        """A full one."""
        return _ThrottleBucket(self)


class _ThrottleBucket:
    # gRPC throttles those too.
    limits_asked = True

    def __init__(self, budget: ThrottleBudget) -> None:
        self._most, self._ratio = budget.tokens, budget.ratio
        self._left = budget.tokens

    def allows(self, now_s: float) -> bool:  # noqa: ARG002 - as above
        return self._left > self._most / 2

    def requested(self) -> None:
        pass

    def spent(self) -> None:
        pass

    def ended(self, *, extra: bool, useful: bool, failed: bool, now_s: float) -> None:  # noqa: ARG002
        self._left = min(max(self._left + (-1 if failed else self._ratio if useful else 0), 0.0), self._most)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Breaker:
    """Stops retries and hedges, never first attempts, while they do not help.

    When fewer than a share of `least_useful` of the last `window` extra attempts brought the answer, none begins for
    `cool_down_s` seconds; then one at a time is let through until one helps.
    """

    least_useful: Share = 0.2
    window: Count = 20
    cool_down_s: Seconds = 30.0
    kind: Literal["breaker"] = "breaker"

    def bucket(self) -> Bucket:
        """A closed one."""
        return _BreakerState(self)

    def scaled(self, factor: float) -> Breaker:
        """The same breaker with its cool-down multiplied by `factor`."""
        return Breaker(least_useful=self.least_useful, window=self.window, cool_down_s=self.cool_down_s * factor)


class _BreakerState:
    limits_asked = False

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._last: deque[bool] = deque(maxlen=breaker.window)
        self._open_until: float | None = None
        self._probing = False

    def allows(self, now_s: float) -> bool:
        if self._open_until is None:
            return True
        return now_s >= self._open_until and not self._probing

    def requested(self) -> None:
        pass

    def spent(self) -> None:
        self._probing = self._open_until is not None

    def ended(self, *, extra: bool, useful: bool, failed: bool, now_s: float) -> None:  # noqa: ARG002
        if not extra:
            return
        self._last.append(useful)
        if self._open_until is not None:
            self._probing = False
            if useful:
                self._open_until = None
                self._last.clear()
            else:
                self._open_until = now_s + self._breaker.cool_down_s
        elif self._useless:
            self._open_until = now_s + self._breaker.cool_down_s

    @property
    def _useless(self) -> bool:
        enough = len(self._last) == self._breaker.window
        return enough and sum(self._last) < self._breaker.least_useful * self._breaker.window


Budget = Annotated[ShareBudget | ThrottleBudget, Field(discriminator="kind")]
