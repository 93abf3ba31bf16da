"""How long a workload takes whose requests are independent: batches one after the other, or a sliding window."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.bounds.policies import RequestTime
from harness.bounds.thinning import thinned
from harness.simulation.dispatch import windowed

Array = NDArray[np.float64]

_SEED = 20240208
#: Simulated requests of a window, and the bounds of how many workloads they make.
_DRAWS, _FEWEST, _MOST = 200_000, 8, 200


def gather_total(request: RequestTime, requests: int, batch_size: int) -> float:
    """Expected seconds of `requests` requests in batches, each as slow as its slowest; the last may be smaller."""
    full, rest = divmod(requests, batch_size)
    total = full * request.expected_max(batch_size) if full else 0.0
    return total + (request.expected_max(rest) if rest else 0.0)


def window_total(request: RequestTime, requests: int, in_flight: int) -> tuple[float, float]:
    """Expected seconds of `requests` requests, `in_flight` at any time, and the standard error of it.

    Simulated with the same draws for every policy. As many at once as there are need no simulation.
    """
    if request.never:
        return math.inf, 0.0
    if in_flight >= requests:
        return request.expected_max(requests), 0.0
    totals = windowed(request.quantiles(_uniforms(requests)), in_flight)
    return float(totals.mean()), float(totals.std(ddof=1) / math.sqrt(totals.size))


@lru_cache(maxsize=2)
def _uniforms(requests: int) -> Array:
    workloads = max(_FEWEST, min(_MOST, _DRAWS // requests))
    return np.random.default_rng(_SEED).random((workloads, requests))


def window_estimate(request: RequestTime, requests: int, in_flight: int) -> float:
    """About `window_total`, quickly and without chance: good for choosing between policies.

    The first `in_flight` requests begin at once, the others at the constant rate in_flight / E[T] until s, as in a
    fluid; then P(all done by t) is the product of F(t - start) over all, and its logarithm
    in_flight log F(t) + rate (I(t) - I(t - s)) with I the integral of log F.
    """
    if request.never:
        return math.inf
    if in_flight >= requests:
        return request.expected_max(requests)
    if not request.mean:
        return 0.0
    times, weights = thinned(request.times, request.weights)
    rate = in_flight / request.mean
    spread = (requests - in_flight) / rate
    logs = np.log(np.minimum(np.cumsum(weights), 1.0))
    logs[-1] = 0.0
    # Before the fastest time nothing is done: a number so low that its exponential is 0.
    steps = np.concatenate(([-1e5], logs))
    knots = np.concatenate(([0.0], times))
    integral = np.concatenate(([0.0], np.cumsum(steps[:-1] * np.diff(knots))))
    instants = np.unique(np.concatenate((knots, times + spread)))
    exponent = in_flight * steps[np.searchsorted(times, instants, side="right")] + rate * (
        np.interp(instants, knots, integral) - np.interp(instants - spread, knots, integral)
    )
    late = 1 - np.exp(exponent)
    return float(np.sum(np.diff(instants) * (late[1:] + late[:-1]) / 2))
