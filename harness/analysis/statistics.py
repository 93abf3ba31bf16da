"""Means and ratios with their certainty. Pure functions of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Interval = tuple[float, float]

#: Fewer trials than this give no interval for a ratio: two say next to nothing of their spread.
FEWEST_FOR_RATIO = 3


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


@dataclass(frozen=True)
class LogRatio:
    """A ratio of means on the logarithmic scale, with its standard error and Student's degrees of freedom."""

    log: float
    error: float
    freedom: float

    def interval(self, level: float = 0.95) -> Interval:
        """The interval of the ratio."""
        half = self._t(0.5 + level / 2) * self.error
        return math.exp(self.log - half), math.exp(self.log + half)

    def p_above(self, limit: float = 1.0) -> float:
        """One-sided p-value of the claim that the ratio is above the limit."""
        from scipy.special import stdtr

        excess = self.log - math.log(limit)
        if not self.error:
            return 0.0 if excess > 1e-12 else 1.0
        return float(stdtr(self.freedom, -excess / self.error))

    def smallest_change(self, power: float = 0.8) -> float:
        """The relative change that would have been found significant with this power: exp((t_0.975 + t_power) e) - 1.

        J. Cohen, "Statistical power analysis for the behavioral sciences", 2nd ed. (1988), for Student's t.
        """
        return math.exp((self._t(0.975) + self._t(power)) * self.error) - 1

    def _t(self, share: float) -> float:
        from scipy.special import stdtrit

        return float(stdtrit(self.freedom, share))


def log_ratio(numerator: Sequence[float], denominator: Sequence[float], *, paired: bool = True) -> LogRatio | None:
    """mean(numerator) / mean(denominator) over independent trials; None below three, or where a mean is not positive.

    Linearised on the logarithmic scale (the delta method; W. G. Cochran, "Sampling Techniques", 3rd ed., 1977, chapter
    6): with `paired`, entry i of both is the same seed, the standard error of log R is that of the mean of
    a_i / mean(a) - b_i / mean(b); otherwise the two relative errors add up, with Welch's degrees of freedom.
    """
    if min(len(numerator), len(denominator)) < FEWEST_FOR_RATIO:
        return None
    top, bottom = mean(numerator), mean(denominator)
    if top <= 0 or bottom <= 0:
        return None
    above = [value / top - 1 for value in numerator]
    below = [value / bottom - 1 for value in denominator]
    if paired:
        variance = _variance_of_mean([a - b for a, b in zip(above, below, strict=True)])
        freedom: float = len(above) - 1
    else:
        first, second = _variance_of_mean(above), _variance_of_mean(below)
        variance = first + second
        parts = first**2 / (len(above) - 1) + second**2 / (len(below) - 1)
        freedom = variance**2 / parts if parts else 1.0
    return LogRatio(math.log(top / bottom), math.sqrt(variance), freedom)


def ratio_interval(
    numerator: Sequence[float], denominator: Sequence[float], *, paired: bool = True, level: float = 0.95
) -> Interval | None:
    """Interval of mean(numerator) / mean(denominator), see `log_ratio`; None where there is none."""
    found = log_ratio(numerator, denominator, paired=paired)
    return None if found is None else found.interval(level)


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


def excludes_one(interval: Interval | None) -> bool | None:
    """Whether a ratio's interval says that it is not 1; None when there is no interval."""
    return None if interval is None else not interval[0] <= 1 <= interval[1]


def pair(interval: Interval | None) -> list[float] | None:
    """An interval as plain numbers, rounded to 1e-9."""
    return None if interval is None else [round(float(interval[0]), 9), round(float(interval[1]), 9)]
