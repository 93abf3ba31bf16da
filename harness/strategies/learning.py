"""Estimators of the time to first content that learn one attempt at a time. None of them reads a clock."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

from harness.strategies.situation import Seen


class Ignorant:
    """Learns nothing; the base of those that do."""

    def began(self) -> None:
        """An attempt begins."""

    def observe(self, seen: Seen, seconds: float, *, answered: bool) -> bool:  # noqa: ARG002
        """Nothing is made of it."""
        return False


class Recent:
    """The last `keep` times in order of size; infinity is a time of which only a lower bound is known."""

    def __init__(self, keep: int = 1000) -> None:
        self._keep = keep
        self._order: deque[float] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._sorted)

    def add(self, seconds: float) -> None:
        """One more; the oldest goes."""
        self._order.append(seconds)
        insort(self._sorted, seconds)
        if len(self._order) > self._keep:
            del self._sorted[bisect_left(self._sorted, self._order.popleft())]

    def quantile(self, share: float) -> float:
        """By the nearest rank, in seconds."""
        return self._sorted[max(math.ceil(share * len(self._sorted)), 1) - 1]


class RecentQuantile(Ignorant):
    """A quantile of recent answers; what was given up is not seen, which biases it downwards."""

    def __init__(self, share: float, *, warm_up: int) -> None:
        self._share, self._warm_up = share, warm_up
        self._answers = Recent()

    def observe(self, seen: Seen, seconds: float, *, answered: bool) -> bool:  # noqa: ARG002
        """Only answers count. Wakes when the warm-up is over."""
        if not answered:
            return False
        self._answers.add(seconds)
        return len(self._answers) == self._warm_up

    @property
    def seconds(self) -> float | None:
        """The quantile; None during the warm-up."""
        return None if len(self._answers) < self._warm_up else self._answers.quantile(self._share)


class RoundTrip(Ignorant):
    """Retransmission timeout: SRTT + 4 RTTVAR with gains 1/8 and 1/4 (RFC 6298), samples and back-off after Karn.

    Karn and Partridge, "Improving round-trip time estimates in reliable transport protocols" (SIGCOMM 1987): only
    first attempts are measured, and a timeout doubles the estimate until one of them is answered again.
    """

    def __init__(self, *, warm_up: int) -> None:
        self._warm_up = warm_up
        self._count = 0
        self._mean = self._deviation = 0.0
        self._back_off = 1.0

    def observe(self, seen: Seen, seconds: float, *, answered: bool) -> bool:
        """First attempts only. Wakes when the warm-up is over."""
        if seen.kind != "first":
            return False
        if not answered:
            self._back_off = min(self._back_off * 2, 64.0)
            return False
        self._back_off = 1.0
        self._count += 1
        if self._count == 1:
            self._mean, self._deviation = seconds, seconds / 2
        else:
            self._deviation += (abs(self._mean - seconds) - self._deviation) / 4
            self._mean += (seconds - self._mean) / 8
        return self._count == self._warm_up

    @property
    def seconds(self) -> float | None:
        """The timeout; None during the warm-up."""
        if self._count < self._warm_up:
            return None
        return (self._mean + 4 * self._deviation) * self._back_off


class Tracker:
    """A quantile that censoring cannot fool: tau += eta (q - 1{T <= tau}), in the logarithm of tau.

    Whether T <= tau is known even of an attempt that was given up, if it was older than tau. Robbins and Monro, "A
    stochastic approximation method" (1951); the logarithm makes the step a share of tau: no scale need be known.
    """

    def __init__(self, start_s: float, share: float, *, eta: float = 0.05) -> None:
        self.seconds = start_s
        self._share, self._eta = share, eta

    def observe(self, seconds: float, *, answered: bool) -> None:
        """One attempt, answered after `seconds` or given up at that age."""
        if answered or seconds >= self.seconds:
            below = answered and seconds <= self.seconds
            self.seconds *= math.exp(self._eta * (self._share - below))


class TrackedQuantile(Ignorant):
    """A tracker from the first attempt on."""

    def __init__(self, start_s: float, share: float, *, eta: float) -> None:
        self._tracker = Tracker(start_s, share, eta=eta)

    def observe(self, seen: Seen, seconds: float, *, answered: bool) -> bool:  # noqa: ARG002
        """Every attempt counts."""
        self._tracker.observe(seconds, answered=answered)
        return False

    @property
    def seconds(self) -> float:
        """The quantile as it stands."""
        return self._tracker.seconds


class BodyAndTail(Ignorant):
    """The median of recent attempts, and the quantile that a share of `tail` of them exceeds, given up ones included.

    Warm when at least `warm_up` attempts have been answered, and as many as half of those that began before the first
    answer came: their median is then known, although the slow ones are still under way. Until as many as had begun by
    then have come to an end, the tail is taken to begin at `factor` medians. An attempt that was given up at an age
    beyond the tail is known to lie in it; one that was given up before says nothing.
    """

    def __init__(self, *, tail: float, factor: float, warm_up: int) -> None:
        self._tail, self._factor, self._warm_up = tail, factor, warm_up
        self._recent = Recent()
        self._began = 0
        self._cohort = 0
        self._first_median: float | None = None
        self._first_began = 0

    def began(self) -> None:
        """An attempt begins."""
        self._began += 1

    def observe(self, seen: Seen, seconds: float, *, answered: bool) -> bool:  # noqa: ARG002
        """Every attempt counts. Wakes when the warm-up is over."""
        tail_s = self.tail_s
        self._cohort = self._cohort or self._began
        if answered:
            self._recent.add(seconds)
        elif tail_s is None or seconds >= tail_s:
            self._recent.add(math.inf)
        if self._first_median is not None:
            return False
        seen_now, half = len(self._recent), math.ceil(self._cohort / 2)
        if seen_now < max(self._warm_up, half):
            return False
        median_s = self._recent.quantile(max(half / seen_now, 0.5))
        if median_s == math.inf:
            return False
        self._first_median, self._first_began = median_s, self._began
        return True

    @property
    def _representative(self) -> bool:
        return len(self._recent) >= max(self._first_began, math.ceil(2 / self._tail))

    @property
    def median_s(self) -> float | None:
        """Half of the attempts take longer; None during the warm-up."""
        if self._first_median is None or not self._representative:
            return self._first_median
        found = self._recent.quantile(0.5)
        return self._first_median if found == math.inf else found

    @property
    def tail_s(self) -> float | None:
        """Where the tail begins, `factor` medians at most: where many get stuck, it lies among the stalls."""
        median_s = self.median_s
        if median_s is None:
            return None
        most = median_s * self._factor
        return min(self._recent.quantile(1 - self._tail), most) if self._representative else most


class Survival(Ignorant):
    """The restart timeout that is best by the attempts seen, answered and given up alike.

    S is estimated after Kaplan and Meier ("Nonparametric estimation from incomplete observations", 1958). For the mean,
    the time that minimises (int_0^tau S dt) / F(tau); for the makespan of `requests` requests together, the one that
    minimises int_0^inf 1 - (1 - S_tau(t))^N dt with S_tau(n tau + u) = S(tau)^n S(u). Looks anew after every `every`
    attempts, never above the largest time seen.
    """

    def __init__(self, objective: str, *, requests: int, warm_up: int, every: int = 50, keep: int = 1000) -> None:
        self._objective, self._requests = objective, requests
        self._warm_up, self._every = warm_up, every
        self._seen: deque[tuple[float, bool]] = deque(maxlen=keep)
        self._count = 0
        self.seconds: float | None = None

    def observe(self, seen: Seen, seconds: float, *, answered: bool) -> bool:  # noqa: ARG002
        """Every attempt counts. Wakes when the warm-up is over."""
        self._seen.append((seconds, answered))
        self._count += 1
        if self._count < self._warm_up or (self._count - self._warm_up) % self._every:
            return False
        self.seconds = best_restart(list(self._seen), self._objective, self._requests)
        return self._count == self._warm_up


def best_restart(seen: list[tuple[float, bool]], objective: str, requests: int) -> float | None:
    """The best timeout in seconds by (seconds, answered) of attempts; None without an answer. See `Survival`."""
    import numpy as np

    if not any(answered for _, answered in seen):
        return None
    ordered = sorted(seen, key=lambda one: (one[0], not one[1]))
    at_risk = len(ordered)
    times, survival, left = [0.0], [1.0], 1.0
    for seconds, answered in ordered:
        if answered:
            left *= 1 - 1 / at_risk
            times.append(seconds)
            survival.append(left)
        at_risk -= 1
    t, s = np.array(times), np.array(survival)
    candidates = np.unique(t[1:][np.linspace(0, len(t) - 2, 60).astype(int)])
    best, chosen = math.inf, float(candidates[-1])
    for tau in candidates:
        kept = t <= tau
        edges = np.append(t[kept], tau)
        steps, heights = np.diff(edges), s[kept]
        beyond = float(heights[-1])
        if objective == "mean":
            cost = float((steps * heights).sum()) / (1 - beyond) if beyond < 1 else math.inf
        else:
            rounds = 1 if beyond <= 0 else min(200, math.ceil(math.log(1e-6 / requests) / math.log(beyond)) + 1)
            factors = beyond ** np.arange(max(rounds, 1))
            cost = float((steps * (1 - (1 - np.outer(factors, heights)) ** requests)).sum())
        if cost < best:
            best, chosen = cost, float(tau)
    return chosen


def luby(number: int) -> int:
    """The nth term, from 1, of 1 1 2 1 1 2 4 1 1 2 1 1 2 4 8 ...

    Luby, Sinclair and Zuckerman, "Optimal speedup of Las Vegas algorithms" (1993).
    """
    power = number.bit_length()
    if number == (1 << power) - 1:
        return int(1 << (power - 1))
    return luby(number - (1 << (power - 1)) + 1)
