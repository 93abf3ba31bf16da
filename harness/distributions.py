"""Distributions of seconds, each by its inverse CDF, so that one uniform draw gives one time."""

from __future__ import annotations

import bisect
import math
from dataclasses import replace
from statistics import NormalDist
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass, rebuild_dataclass

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, defer_build=True)
_NORMAL = NormalDist()

Seconds = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
_Range = TypeVar("_Range", "Uniform", "LogUniform")


@dataclass(frozen=True, config=_STRICT)
class Constant:
    """Always `value` seconds."""

    value: Seconds = 0.0
    kind: Literal["constant"] = "constant"

    def quantile(self, u: float) -> float:  # noqa: ARG002 - every distribution is asked the same question
        """The value, whatever the draw."""
        return self.value

    def scaled(self, factor: float) -> Constant:
        """The same shape with times multiplied by `factor`."""
        return replace(self, value=self.value * factor)


@dataclass(frozen=True, config=_STRICT)
class Uniform:
    """Equally likely between `low` and `high` seconds."""

    low: Seconds
    high: Seconds
    kind: Literal["uniform"] = "uniform"

    @model_validator(mode="after")
    def _ordered(self) -> Uniform:
        return _ordered(self)

    def quantile(self, u: float) -> float:
        """low + u (high - low)."""
        return self.low + u * (self.high - self.low)

    def scaled(self, factor: float) -> Uniform:
        """The same shape with times multiplied by `factor`."""
        return replace(self, low=self.low * factor, high=self.high * factor)


@dataclass(frozen=True, config=_STRICT)
class LogUniform:
    """A time whose logarithm is uniform between those of `low` and `high` seconds."""

    low: Positive
    high: Positive
    kind: Literal["loguniform"] = "loguniform"

    @model_validator(mode="after")
    def _ordered(self) -> LogUniform:
        return _ordered(self)

    def quantile(self, u: float) -> float:
        """low (high / low)^u."""
        return self.low * math.pow(self.high / self.low, u)

    def scaled(self, factor: float) -> LogUniform:
        """The same shape with times multiplied by `factor`."""
        return replace(self, low=self.low * factor, high=self.high * factor)


@dataclass(frozen=True, config=_STRICT)
class LogNormal:
    """A time whose logarithm is normal: `median` in seconds, `sigma` of the logarithm."""

    median: Positive
    # Above fifty the largest times leave the range of numbers.
    sigma: Annotated[float, Field(ge=0, le=50)]
    kind: Literal["lognormal"] = "lognormal"

    def quantile(self, u: float) -> float:
        """median exp(sigma z(u)), z the standard normal quantile."""
        return self.median * math.exp(self.sigma * _NORMAL.inv_cdf(u))

    def scaled(self, factor: float) -> LogNormal:
        """The same shape with times multiplied by `factor`."""
        return replace(self, median=self.median * factor)


@dataclass(frozen=True, config=_STRICT)
class Gamma:
    """Gamma with `shape` and `scale` in seconds; its mean is shape x scale."""

    shape: Positive
    scale: Positive
    kind: Literal["gamma"] = "gamma"

    def quantile(self, u: float) -> float:
        """scale P^-1(shape, u), P the regularised lower incomplete gamma function."""
        # A tenth of a second to import, which other profiles need not pay.
        from scipy.special import gammaincinv

        return self.scale * float(gammaincinv(self.shape, u))

    def scaled(self, factor: float) -> Gamma:
        """The same shape with times multiplied by `factor`."""
        return replace(self, scale=self.scale * factor)


@dataclass(frozen=True, config=_STRICT)
class Pareto:
    """Pareto from `scale` seconds up with tail index `alpha`: P(T > t) = (scale / t)^alpha."""

    scale: Positive
    # Below a tenth the largest times leave the range of numbers.
    alpha: Annotated[float, Field(ge=0.1)]
    kind: Literal["pareto"] = "pareto"

    def quantile(self, u: float) -> float:
        """scale (1 - u)^(-1 / alpha)."""
        return self.scale * math.pow(1 - u, -1 / self.alpha)

    def scaled(self, factor: float) -> Pareto:
        """The same shape with times multiplied by `factor`."""
        return replace(self, scale=self.scale * factor)


@dataclass(frozen=True, config=_STRICT)
class Quantiles:
    """An empirical distribution: `points` maps probabilities to seconds, straight lines between them.

    Below the lowest and above the highest probability the time stays constant: a table says nothing about what lies
    beyond it, so give 0 and 1 where they are known.
    """

    points: dict[Annotated[float, Field(ge=0, le=1)], Seconds]
    kind: Literal["quantiles"] = "quantiles"

    @model_validator(mode="after")
    def _monotone(self) -> Quantiles:
        if not self.points:
            raise ValueError("points: at least one quantile is needed")
        times = [self.points[p] for p in sorted(self.points)]
        if times != sorted(times):
            raise ValueError("points: times must not fall as the probability rises")
        return self

    def quantile(self, u: float) -> float:
        """The table read at u."""
        probabilities = sorted(self.points)
        after = bisect.bisect_left(probabilities, u)
        if after == 0:
            return self.points[probabilities[0]]
        if after == len(probabilities):
            return self.points[probabilities[-1]]
        left, right = probabilities[after - 1], probabilities[after]
        share = (u - left) / (right - left)
        return self.points[left] + share * (self.points[right] - self.points[left])

    def scaled(self, factor: float) -> Quantiles:
        """The same shape with times multiplied by `factor`."""
        return replace(self, points={p: time * factor for p, time in self.points.items()})


@dataclass(frozen=True, config=_STRICT)
class Empirical:
    """One of the recorded `times` in seconds, each equally likely."""

    times: tuple[Seconds, ...]
    kind: Literal["empirical"] = "empirical"

    @model_validator(mode="after")
    def _in_order(self) -> Empirical:
        if not self.times:
            raise ValueError("times: at least one is needed")
        if list(self.times) != sorted(self.times):
            raise ValueError("times: they must be in ascending order")
        return self

    def quantile(self, u: float) -> float:
        """The smallest time that a share of u does not exceed."""
        return self.times[min(int(u * len(self.times)), len(self.times) - 1)]

    def scaled(self, factor: float) -> Empirical:
        """The same shape with times multiplied by `factor`."""
        return replace(self, times=tuple(time * factor for time in self.times))


@dataclass(frozen=True, config=_STRICT)
class Part:
    """One component of a mixture and its weight."""

    weight: Positive
    of: Distribution

    def scaled(self, factor: float) -> Part:
        """The same weight, times multiplied by `factor`."""
        return replace(self, of=self.of.scaled(factor))


@dataclass(frozen=True, config=_STRICT)
class Mixture:
    """One of several distributions, chosen in proportion to their weights."""

    parts: tuple[Part, ...]
    kind: Literal["mixture"] = "mixture"

    @model_validator(mode="after")
    def _not_empty(self) -> Mixture:
        if not self.parts:
            raise ValueError("parts: at least one is needed")
        return self

    def quantile(self, u: float) -> float:
        """Choose a part by u and read it at what is left of u.

        The same uniform serves twice: given the part, the rest is again uniform. As a function of u this is not
        monotone, but a uniform u gives a time of the mixture.
        """
        left = u * sum(part.weight for part in self.parts)
        for part in self.parts:
            if left < part.weight:
                return part.of.quantile(min(max(left / part.weight, 1e-16), 1 - 1e-16))
            left -= part.weight
        return self.parts[-1].of.quantile(1 - 1e-16)

    def scaled(self, factor: float) -> Mixture:
        """The same weights, times multiplied by `factor`."""
        return replace(self, parts=tuple(part.scaled(factor) for part in self.parts))


def _ordered(distribution: _Range) -> _Range:
    if distribution.low > distribution.high:
        raise ValueError(f"low ({distribution.low:g}) is above high ({distribution.high:g})")
    return distribution


def _from_number(value: Any) -> Any:
    # To Python true is 1; as a time it is a mistake.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"kind": "constant", "value": value} if is_number else value


#: Any of the above, told apart by `kind`; a bare number is a constant.
Distribution = Annotated[
    Annotated[
        Constant | Uniform | LogUniform | LogNormal | Gamma | Pareto | Quantiles | Empirical | Mixture,
        Field(discriminator="kind"),
    ],
    BeforeValidator(_from_number),
]

rebuild_dataclass(Part)  # type: ignore[arg-type]  # pydantic's own dataclasses are what it takes; its stub says otherwise
rebuild_dataclass(Mixture)  # type: ignore[arg-type]  # as above
