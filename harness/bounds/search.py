"""The best timeout, and the best restart or hedge within a budget of load, for one measure of a workload."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.bounds.latency import Latency
from harness.bounds.policies import Policy, RequestTime, request_time

Array = NDArray[np.float64]
Measure = Callable[[RequestTime], float]

#: Shares of the first contents up to which timeouts and delays are tried at first.
_TIMEOUT_SHARES = np.concatenate((np.linspace(0.3, 0.9, 11), 1 - np.logspace(-1.15, -5, 28)))
_DELAY_SHARES = (0.1, 0.3, 0.5, 0.65, 0.8, 0.88, 0.93, 0.96, 0.98, 0.99, 0.997)
_COPIES = (2, 3)
#: Then each step multiplies and divides the settings of the best by so much, from coarse to fine.
_STEPS = (1.2, 1.07, 1.02)
_MOST_MOVES = 6
#: A load that is over the budget by no more than rounding is within it.
SLACK = 1e-9


class Search:
    """Policies tried on one latency, in seconds of the measure that is to be small, and with their load."""

    def __init__(self, latency: Latency, measure: Measure, *, hedges: bool = True) -> None:
        """Tries the first, coarse choice; without `hedges` only restarts."""
        self._latency = latency
        self._measure = measure
        self._tried: dict[Policy, tuple[float, float]] = {}
        self._supports = {whole: _support(latency.whole if whole else latency) for whole in (False, True)}
        for policy in self._restarts():
            self._try(policy)
        for policy in self._hedges(self._best(math.inf, 1, 1)) if hedges else ():
            self._try(policy)

    def best(self, most_load: float = math.inf, *, copies: int = max(_COPIES), count: int = 1) -> list[Policy]:
        """The `count` best that have up to `copies` lanes and cost up to `most_load` attempts a request.

        Fewer, perhaps none, where so few keep within it.
        """
        for step in _STEPS:
            for _ in range(_MOST_MOVES):
                before = self._best(most_load, copies, 1)
                for policy in before:
                    for near in _neighbours(policy, step):
                        self._try(near)
                if self._best(most_load, copies, 1) == before:
                    break
        return self._best(most_load, copies, count)

    def _best(self, most_load: float, copies: int, count: int) -> list[Policy]:
        fitting = [
            (seconds, load, policy)
            for policy, (seconds, load) in self._tried.items()
            if policy.copies <= copies and load <= most_load + SLACK and math.isfinite(seconds)
        ]
        return [policy for *_, policy in sorted(fitting, key=lambda entry: rank(*entry))[:count]]

    def _try(self, policy: Policy) -> None:
        support = self._supports[policy.whole]
        # Between two possible times it is no use waiting on after the first of them.
        place = int(np.searchsorted(support, policy.timeout_s * (1 + 1e-12), side="right")) - 1
        if place < 0:
            return
        if math.isfinite(policy.timeout_s):
            policy = replace(policy, timeout_s=float(support[place]))
        if policy not in self._tried:
            request = request_time(self._latency, policy)
            self._tried[policy] = self._measure(request), request.load

    def _restarts(self) -> Iterator[Policy]:
        for whole in self._views():
            yield Policy(whole=whole)
            for timeout in _tried_times(self._latency.whole if whole else self._latency, _TIMEOUT_SHARES, even=24):
                yield Policy(timeout_s=timeout, whole=whole)

    def _hedges(self, restarts: Iterable[Policy]) -> Iterator[Policy]:
        for whole in self._views():
            support = self._supports[whole]
            if not support.size:
                # Nothing is ever answered, sooner or later.
                continue
            delays = _tried_times(self._latency.whole if whole else self._latency, _DELAY_SHARES, even=6)
            limits = {float(support[-1]), math.inf} if not self._latency.never else {float(support[-1])}
            for restart in restarts:
                timeout = min(restart.timeout_s, float(support[-1]))
                limits |= set(np.geomspace(max(timeout, 1e-9), max(float(support[-1]), 1e-9), 4).tolist())
            for delay in delays:
                for copies in _COPIES:
                    for limit in sorted(limits):
                        yield Policy(timeout_s=limit, delay_s=round(delay, 6), copies=copies, whole=whole)

    def _views(self) -> tuple[bool, ...]:
        return (False, True) if self._latency.rests_vary else (False,)


def rank(seconds: float, load: float, policy: Policy) -> tuple[float, ...]:
    """Sorts the better before the worse: less time, then less load; of policies that come to the same, the plainer."""
    return float(f"{seconds:.9g}"), round(load, 9), policy.copies, policy.whole, -policy.timeout_s


def _support(latency: Latency) -> Array:
    """Possible times of a first content, in order."""
    return np.unique(latency.first[np.isfinite(latency.first)])


def _tried_times(latency: Latency, shares: Iterable[float], even: int) -> list[float]:
    """Times of the first content by which these shares of it have come, and so many at even ratios above the median."""
    finite = np.isfinite(latency.first)
    order = np.argsort(latency.first[finite])
    first, weights = latency.first[finite][order], np.cumsum(latency.weights[finite][order])
    if not first.size:
        return []
    shares = np.asarray(list(shares))
    places = np.minimum(np.searchsorted(weights, shares * weights[-1]), first.size - 1)
    median = first[min(int(np.searchsorted(weights, weights[-1] / 2)), first.size - 1)]
    ratios = np.geomspace(max(median, 1e-9), max(first[-1], 1e-9), even)
    times: list[float] = np.unique(np.concatenate((first[places], ratios))).tolist()
    return times


def _neighbours(policy: Policy, step: float) -> Iterator[Policy]:
    """The same with its timeout or its delay longer or shorter."""
    for factor in (step, 1 / step):
        if math.isfinite(policy.timeout_s):
            yield replace(policy, timeout_s=policy.timeout_s * factor)
        if policy.copies > 1:
            yield replace(policy, delay_s=round(policy.delay_s * factor, 6))
