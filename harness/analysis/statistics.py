"""Means and ratios with their certainty. Pure functions of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]
Floats = NDArray[np.float64]

#: Fewer trials than this give no interval for a ratio: two say next to nothing of their spread.
FEWEST_FOR_RATIO = 3
#: Fewer paired trials that differ at all, among some that do not, can never be significant, whatever their sizes: by
#: the sign test five that all point the same way have p = 2 / 2^5 = 0.06.
FEWEST_DIFFERENT = 6
#: From so many values on their skewness is known well enough to be corrected for.
_ENOUGH_FOR_SKEWNESS = 10
#: Values that must lie beyond a quantile for an interval of it.
_FEWEST_BEYOND = 10


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean, summed exactly so that it does not depend on the order."""
    return math.fsum(values) / len(values)


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error, Student's degrees of freedom, and the skewness of what it is the mean of.

    From ten values on, the statistic T = (mean - truth) / error is corrected for skewness by Hall's transformation
    g(T) = T + a (T^2 / 3 + 1 / 6) + a^2 T^3 / 27 with a = skewness / sqrt(n), which is monotone and can be inverted:
    P. Hall, "On the removal of skewness by transformation" (1992). Below, skewness is not known well enough, and it is
    Student's t.
    """

    value: float
    error: float
    freedom: float
    asymmetry: float = 0.0

    def interval(self, level: float = 0.95) -> Interval:
        """The interval of the mean."""
        half = _student(self.freedom, 0.5 + level / 2)
        return self.value - self.error * self._plain(half), self.value - self.error * self._plain(-half)

    def p_above(self, limit: float) -> float:
        """One-sided p-value of the claim that the truth is above the limit."""
        from scipy.special import stdtr

        excess = self.value - limit
        if not self.error:
            return 0.0 if excess > 1e-12 else 1.0
        return float(stdtr(self.freedom, -self._symmetric(excess / self.error)))

    def _symmetric(self, t: float) -> float:
        a = self.asymmetry
        return t + a * (t * t / 3 + 1 / 6) + a * a * t**3 / 27

    def _plain(self, t: float) -> float:
        """The inverse of `_symmetric`."""
        a = self.asymmetry
        return t if abs(a) < 1e-6 else 3 / a * (math.cbrt(1 + a * (t - a / 6)) - 1)


def estimate(values: Sequence[float]) -> Estimate | None:
    """The mean of independent values with its certainty; None for fewer than two."""
    n = len(values)
    if n < 2:
        return None
    center = mean(values)
    deviations = [value - center for value in values]
    variance = math.fsum(d * d for d in deviations) / (n - 1)
    asymmetry = 0.0
    if n >= _ENOUGH_FOR_SKEWNESS and variance > 0:
        # The adjusted Fisher-Pearson coefficient, as in scipy.stats.skew(bias=False).
        third = math.fsum(d**3 for d in deviations) / n
        skewness = third / (variance * (n - 1) / n) ** 1.5 * math.sqrt(n * (n - 1)) / (n - 2)
        asymmetry = skewness / math.sqrt(n)
    return Estimate(center, math.sqrt(variance / n), n - 1, asymmetry)


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval | None:
    """The interval of a mean over independent trials, see `Estimate`; None for fewer than two."""
    found = estimate(values)
    return None if found is None else found.interval(level)


def _student(freedom: float, share: float) -> float:
    # A tenth of a second to import, which a run of one trial need not pay.
    from scipy.special import stdtrit

    return float(stdtrit(freedom, share))


@dataclass(frozen=True)
class LogRatio:
    """A ratio of means, estimated on the logarithmic scale."""

    log: Estimate

    def interval(self, level: float = 0.95) -> Interval:
        """The interval of the ratio."""
        low, high = self.log.interval(level)
        return math.exp(low), math.exp(high)

    def p_above(self, limit: float = 1.0) -> float:
        """One-sided p-value of the claim that the ratio is above the limit."""
        return self.log.p_above(math.log(limit))

    def p_differs(self) -> float:
        """Two-sided p-value of the claim that the ratio is not 1."""
        above = self.p_above()
        return min(1.0, 2 * min(above, 1 - above))

    def smallest_change(self, power: float = 0.8) -> float:
        """The relative change that would have been found significant with this power: exp((t_0.975 + t_power) e) - 1.

        J. Cohen, "Statistical power analysis for the behavioral sciences", 2nd ed. (1988), for Student's t.
        """
        both = _student(self.log.freedom, 0.975) + _student(self.log.freedom, power)
        return math.exp(both * self.log.error) - 1


def log_ratio(numerator: Sequence[float], denominator: Sequence[float], *, paired: bool = True) -> LogRatio | None:
    """mean(numerator) / mean(denominator) over independent trials; None where `why_no_ratio` has a reason.

    Linearised on the logarithmic scale (the delta method; W. G. Cochran, "Sampling Techniques", 3rd ed., 1977, chapter
    6): with `paired`, entry i of both is the same seed, and log R is estimated as the mean of
    a_i / mean(a) - b_i / mean(b) is; otherwise the two relative errors add up, with Welch's degrees of freedom.
    """
    if why_no_ratio(numerator, denominator, paired=paired) is not None:
        return None
    top, bottom = mean(numerator), mean(denominator)
    above = [value / top - 1 for value in numerator]
    below = [value / bottom - 1 for value in denominator]
    log = math.log(top / bottom)
    if paired:
        found = estimate([a - b for a, b in zip(above, below, strict=True)])
        return None if found is None else LogRatio(replace(found, value=log))
    first, second = _variance_of_mean(above), _variance_of_mean(below)
    variance = first + second
    parts = first**2 / (len(above) - 1) + second**2 / (len(below) - 1)
    return LogRatio(Estimate(log, math.sqrt(variance), variance**2 / parts if parts else 1.0))


def why_no_ratio(numerator: Sequence[float], denominator: Sequence[float], *, paired: bool = True) -> str | None:
    """Why a ratio of means has no interval, as a clause; None when it has one.

    Where only a few paired trials differ, everything hangs on events too rare for the number of trials.
    """
    fewest = min(len(numerator), len(denominator))
    if fewest < FEWEST_FOR_RATIO:
        return f"{fewest} trial{'s' * (fewest != 1)} in common, and an interval needs {FEWEST_FOR_RATIO}"
    if mean(numerator) <= 0 or mean(denominator) <= 0:
        return "a mean is not positive"
    if paired:
        different = sum(a != b for a, b in zip(numerator, denominator, strict=True))
        if 0 < different < min(fewest, FEWEST_DIFFERENT):
            return f"only {different} of {fewest} trials differ{'s' * (different == 1)}"
    return None


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for being looked at together, in their order.

    S. Holm, "A simple sequentially rejective multiple test procedure" (1979): the chance that any of them is below 0.05
    by accident stays below 0.05.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected, largest = [1.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = largest
    return corrected


def _variance_of_mean(deviations: Sequence[float]) -> float:
    n = len(deviations)
    center = mean(deviations)
    return math.fsum((value - center) ** 2 for value in deviations) / (n - 1) / n


def quantile_interval(
    values: Floats, clusters: NDArray[np.integer[Any]], share: float, level: float = 0.95
) -> Interval | None:
    """The interval of a quantile of values that belong to independent clusters (trials, or batches); shapes are equal.

    The share of values below the sample quantile varies from cluster to cluster; its interval by Student's t, read off
    the sample's quantiles, is the quantile's: R. S. Woodruff, "Confidence intervals for medians and other position
    measures" (1952). None where the tail is too thin for it: fewer than ten values beyond the quantile, fewer than
    three clusters, or an upper end above all that was seen.
    """
    ordered = np.sort(values)
    names, index = np.unique(clusters, return_inverse=True)
    if len(names) < FEWEST_FOR_RATIO or (1 - share) * len(ordered) < _FEWEST_BEYOND:
        return None
    below = values <= np.quantile(ordered, share)
    shares = np.bincount(index, weights=below) / np.bincount(index)
    half = _student(len(names) - 1, 0.5 + level / 2) * float(shares.std(ddof=1)) / math.sqrt(len(names))
    if share + half > 1 - 1 / len(ordered):
        return None
    low, high = np.quantile(ordered, [max(0.0, share - half), share + half])
    return float(low), float(high)


def pair(interval: Interval | None) -> list[float] | None:
    """An interval as plain numbers, rounded to 1e-9."""
    return None if interval is None else [round(float(interval[0]), 9), round(float(interval[1]), 9)]
