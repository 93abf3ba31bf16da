"""Draws of a distribution by the thousand, with NumPy's own generators where it has them."""

from __future__ import annotations

from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from harness.distributions import (
    Constant,
    Distribution,
    Empirical,
    Gamma,
    LogNormal,
    LogUniform,
    Mixture,
    Pareto,
    Quantiles,
    Uniform,
)

Floats = NDArray[np.float64]


def sample(distribution: Distribution, count: int, rng: np.random.Generator) -> Floats:
    """So many independent times in seconds, distributed as `distribution.quantile` of uniform draws."""
    return np.asarray(_sample(distribution, count, rng))


@singledispatch
def _sample(distribution: object, count: int, rng: np.random.Generator) -> Floats:  # noqa: ARG001 - draws nothing
    raise TypeError(f"nobody draws from a {type(distribution).__name__}")


@_sample.register
def _(distribution: Constant, count: int, rng: np.random.Generator) -> Floats:  # noqa: ARG001 - nothing is drawn
    return np.full(count, distribution.value)


@_sample.register
def _(distribution: Uniform, count: int, rng: np.random.Generator) -> Floats:
    return rng.uniform(distribution.low, distribution.high, count)


@_sample.register
def _(distribution: LogUniform, count: int, rng: np.random.Generator) -> Floats:
    return np.exp(rng.uniform(np.log(distribution.low), np.log(distribution.high), count))


@_sample.register
def _(distribution: LogNormal, count: int, rng: np.random.Generator) -> Floats:
    # In place, and with the array exponential: `rng.lognormal` takes it number by number.
    times = rng.standard_normal(count)
    times *= distribution.sigma
    np.exp(times, out=times)
    times *= distribution.median
    return times


@_sample.register
def _(distribution: Gamma, count: int, rng: np.random.Generator) -> Floats:
    return rng.gamma(distribution.shape, distribution.scale, count)


@_sample.register
def _(distribution: Pareto, count: int, rng: np.random.Generator) -> Floats:
    return distribution.scale * (1 + rng.pareto(distribution.alpha, count))


@_sample.register
def _(distribution: Quantiles, count: int, rng: np.random.Generator) -> Floats:
    probabilities = sorted(distribution.points)
    return np.interp(rng.random(count), probabilities, [distribution.points[p] for p in probabilities])


@_sample.register
def _(distribution: Empirical, count: int, rng: np.random.Generator) -> Floats:
    return np.asarray(distribution.times)[rng.integers(len(distribution.times), size=count)]


@_sample.register
def _(distribution: Mixture, count: int, rng: np.random.Generator) -> Floats:
    weights = np.array([part.weight for part in distribution.parts])
    which = np.searchsorted(np.cumsum(weights)[:-1] / weights.sum(), rng.random(count), side="right")
    times = np.empty(count)
    for number, part in enumerate(distribution.parts):
        chosen = which == number
        times[chosen] = sample(part.of, int(chosen.sum()), rng)
    return times
