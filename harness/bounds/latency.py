"""How long one independent attempt takes, as a weighted discrete distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.bounds.sampling import attempts, why_not
from harness.bounds.thinning import thinned
from harness.errors import UserError
from harness.profiles import Profile

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Latency:
    """The attempts that may happen, in order of `times`, and the probability of each in `weights`; shapes are equal.

    An attempt ends after `times` seconds (infinity: never), with an answer where `ok` is set and with an error
    elsewhere; its first content came after `first` seconds (infinity: none came). Without streaming the first content
    is the whole answer. Raises ValueError if the weights do not add up to 1.
    """

    times: Array
    first: Array
    ok: NDArray[np.bool_]
    weights: Array

    def __post_init__(self) -> None:
        if abs(float(self.weights.sum()) - 1) > 1e-9:
            raise ValueError(f"weights: they add up to {self.weights.sum():g}, not to 1")
        order = np.lexsort((self.first, self.times))
        for name in ("times", "first", "ok", "weights"):
            object.__setattr__(self, name, getattr(self, name)[order])

    @classmethod
    def of_profile(cls, profile: Profile, *, stream: bool, healthy: bool = False, tokens: int | None = None) -> Latency:
        """The attempts of a profile, each fault with exactly its probability; with `healthy`, as if it had none.

        `tokens` overrides the length of the answer. Raises UserError where `why_not` has a reason.
        """
        reason = None if healthy else why_not(profile)
        if reason is not None:
            raise UserError(f"No bounds for {profile.name}: {reason}")
        first, times, ok, weights = attempts(profile, tokens or profile.output_tokens, stream=stream, healthy=healthy)
        return cls(times=times, first=first, ok=ok, weights=weights)

    @classmethod
    def of_times(cls, times: Sequence[float], censored: Sequence[float] = ()) -> Latency:
        """The product-limit estimate from a recording: `times` answered, and `censored` when others were given up.

        At each answered time t the survival falls by the factor 1 - d/n, with d answers at t and n attempts that were
        still under way just before it: Kaplan and Meier, "Nonparametric estimation from incomplete observations"
        (1958). What is left beyond the last answer counts as never answered: nothing is known of it. Seconds. Raises
        ValueError without any time.
        """
        answered, lost = np.sort(np.asarray(times, float)), np.sort(np.asarray(censored, float))
        if not answered.size:
            raise ValueError("times: at least one attempt must have been answered")
        at, events = np.unique(answered, return_counts=True)
        # Whoever is given up at the instant of an answer was still under way just before it.
        under_way = answered.size - np.searchsorted(answered, at) + lost.size - np.searchsorted(lost, at)
        survival = np.cumprod(1 - events / under_way)
        weights = -np.diff(survival, prepend=1.0)
        at, weights = thinned(at, weights)
        never = max(0.0, 1 - float(weights.sum()))
        if never > 1e-12:
            at, weights = np.append(at, np.inf), np.append(weights, never)
        return cls(times=at, first=at, ok=np.isfinite(at), weights=weights)

    @cached_property
    def whole(self) -> Latency:
        """As a client sees it that looks for nothing but the whole answer: there is no first content before it."""
        return Latency(times=self.times, first=np.where(self.ok, self.times, np.inf), ok=self.ok, weights=self.weights)

    @cached_property
    def rests_vary(self) -> bool:
        """Whether attempts differ in what follows their first content, so that waiting for the whole tells more."""
        begun = np.isfinite(self.first)
        rests = self.times[begun] - self.first[begun]
        return not rests.size or not bool(self.ok[begun].all()) or float(rests.max() - rests.min()) > 1e-9

    @cached_property
    def never(self) -> float:
        """The probability that an attempt does not end by itself."""
        return float(self.weights[np.isinf(self.times)].sum())

    def survival(self, t: ArrayLike) -> Array:
        """P(no answer by t) of one attempt, t in seconds, of any shape."""
        answered = self.ok & np.isfinite(self.times)
        by = np.concatenate(([0.0], np.cumsum(self.weights[answered])))
        return np.asarray(1 - by[np.searchsorted(self.times[answered], t, side="right")])
