"""Means and ratios with their certainty. Pure functions of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Interval = tuple[float, float]

#: Fewer trials than this give no interval for a ratio: resampling two values says nothing.
FEWEST_FOR_RATIO = 3
_RESAMPLES = 10_000
_SEED = 790_099_162


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean, summed exactly so that it does not depend on the order."""
    return math.fsum(values) / len(values)


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval | None:
    """Student's t interval of a mean over independent trials; None for fewer than two.

    mean +- t_(n-1, 1-(1-level)/2) s / sqrt(n): W. S. Gosset, "The probable error of a mean" (1908).
    """
    n = len(values)
    if n < 2:
        return None
    # A tenth of a second to import, which a run of one trial need not pay.
    from scipy.special import stdtrit

    center = mean(values)
    spread = math.sqrt(math.fsum((value - center) ** 2 for value in values) / (n - 1))
    half = float(stdtrit(n - 1, 0.5 + level / 2)) * spread / math.sqrt(n)
    return center - half, center + half


def ratio_interval(
    numerator: Sequence[float], denominator: Sequence[float], *, paired: bool = True, level: float = 0.95
) -> Interval | None:
    """Percentile bootstrap of mean(numerator) / mean(denominator) over trials; None below three.

    With `paired`, entry i of both is the same seed and they are drawn together; otherwise each is drawn by itself.
    B. Efron, "Bootstrap methods: another look at the jackknife" (1979). The draws are fixed, so that equal records
    give equal intervals.
    """
    if min(len(numerator), len(denominator)) < FEWEST_FOR_RATIO:
        return None
    above, below = np.asarray(numerator), np.asarray(denominator)
    generator = np.random.default_rng(_SEED)
    rows = generator.integers(len(above), size=(_RESAMPLES, len(above)))
    others = rows if paired else generator.integers(len(below), size=(_RESAMPLES, len(below)))
    ratios = above[rows].mean(axis=1) / below[others].mean(axis=1)
    low, high = np.quantile(ratios, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def excludes_one(interval: Interval | None) -> bool | None:
    """Whether a ratio's interval says that it is not 1; None when there is no interval."""
    return None if interval is None else not interval[0] <= 1 <= interval[1]
