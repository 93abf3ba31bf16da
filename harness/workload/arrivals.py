"""When requests come of themselves, whatever becomes of those before them: the open loop. Pure arithmetic.

Instants are seconds since the first request of a trial, which comes at 0. They depend on the trial's seed alone, so
that every strategy meets the same arrivals.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache, reduce
from itertools import islice
from operator import or_
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from harness.draws import uniform
from harness.records import rounded
from harness.workload.traces import Trace, trace_in

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, defer_build=True)
Rate = Annotated[float, Field(gt=0)]
Flag = Annotated[bool, Field(strict=True)]
#: Below this, in requests, a request counts as scheduled within a duration: the sum of a thousand tenths is not 100.
_SLACK = 1e-9


@dataclass(frozen=True, config=_STRICT)
class Arrivals:
    """Says when requests begin. Subclasses register themselves by their `kind`."""

    register: ClassVar[dict[str, type[Arrivals]]] = {}

    def __init_subclass__(cls, **settings: Any) -> None:
        kind = cls.__dict__.get("kind")
        if isinstance(kind, str):
            Arrivals.register[kind] = cls

    @property
    def words(self) -> str:
        """What they are, in a few words."""
        raise NotImplementedError

    def within(self, duration_s: float) -> int:
        """How many requests come within so many seconds."""
        raise NotImplementedError

    def lasts_s(self, count: int) -> float:
        """About how long it takes until so many have come."""
        raise NotImplementedError

    def instants(self, seed: int, count: int, duration_s: float | None = None) -> Iterator[float]:
        """When each of `count` requests comes, in order; within `duration_s` where that is given."""
        raise NotImplementedError


class _Rated(Arrivals):
    """Requests that come at a rate. `expected(t)` is how many are due by t; `instant(x)` is when x of them are."""

    def expected(self, seconds: float) -> float:
        """The integral of the rate from 0 to so many seconds."""
        raise NotImplementedError

    def instant(self, requests: float) -> float:
        """Its inverse: the seconds after which so many requests are due."""
        raise NotImplementedError

    def lasts_s(self, count: int) -> float:
        """When so many are due."""
        return self.instant(float(count))

    def _evenly(self, count: int) -> Iterator[float]:
        return (rounded(self.instant(float(index))) or 0.0 for index in range(count))

    def _by_chance(self, seed: int, count: int, duration_s: float | None) -> Iterator[float]:
        """A Poisson process: exponential gaps of mean 1 in units of requests, put on the clock by `instant`.

        Given their number, the arrivals of a Poisson process within a time are independent of each other (Kingman,
        "Poisson processes", 1993, section 2.4), which is what gaps divided by their sum come to. So with a duration
        every seed has as many requests, and offers the same load.
        """
        scale = 1.0
        if duration_s is not None:
            scale = self.expected(duration_s) / _sum_of_gaps(seed, count)
        due = 0.0
        for gap in islice(_gaps(seed, count), count):
            yield rounded(self.instant(due * scale)) or 0.0
            due += gap


def _gaps(seed: int, count: int) -> Iterator[float]:
    """Exponential gaps of mean 1: request i + 1 comes so long after request i, the last one's until the end."""
    return (-math.log(uniform(seed, str(index), 0, "arrival")) for index in range(count))


@lru_cache(maxsize=64)
def _sum_of_gaps(seed: int, count: int) -> float:
    """Known before a trial begins: of many it takes long, and no loop would hear Ctrl-C meanwhile."""
    return math.fsum(_gaps(seed, count))


class _Steady(_Rated):
    """A rate that stays as it is."""

    rate: float

    def expected(self, seconds: float) -> float:
        """Rate x seconds."""
        return self.rate * seconds

    def instant(self, requests: float) -> float:
        """Requests / rate."""
        return requests / self.rate


@dataclass(frozen=True, config=_STRICT)
class Constant(_Steady):
    """`rate` requests a second, evenly spaced."""

    rate: Rate
    kind: Literal["constant"] = "constant"

    @property
    def words(self) -> str:
        """The rate."""
        return f"{self.rate:g} a second, evenly"

    def within(self, duration_s: float) -> int:
        """Those that begin before the end."""
        return math.ceil(self.expected(duration_s) - _SLACK)

    def instants(self, seed: int, count: int, duration_s: float | None = None) -> Iterator[float]:  # noqa: ARG002 - no chance in it
        """0, 1 / rate, 2 / rate and so on, whatever the seed."""
        return self._evenly(count)


@dataclass(frozen=True, config=_STRICT)
class Poisson(_Steady):
    """`rate` requests a second on average, independent of each other, as those of many users are."""

    rate: Rate
    kind: Literal["poisson"] = "poisson"

    @property
    def words(self) -> str:
        """The rate."""
        return f"{self.rate:g} a second, by chance"

    def within(self, duration_s: float) -> int:
        """As many as are expected."""
        return max(1, round(self.expected(duration_s)))

    def instants(self, seed: int, count: int, duration_s: float | None = None) -> Iterator[float]:
        """Exponential gaps, drawn by hashing."""
        return self._by_chance(seed, count, duration_s)


@dataclass(frozen=True, config=_STRICT)
class Ramp(_Rated):
    """A rate that goes from `start` to `rate` requests a second within `over_s` seconds, and stays there.

    Requests come by chance, as a Poisson process with that rate, or with `even` as evenly as the rate allows.
    """

    rate: Rate
    over_s: Annotated[float, Field(gt=0)]
    start: Annotated[float, Field(ge=0)] = 0.0
    even: Flag = False
    kind: Literal["ramp"] = "ramp"

    @property
    def words(self) -> str:
        """The rates, and how long the ramp is."""
        return (
            f"{self.start:g} to {self.rate:g} a second over {self.over_s:g} s, {'evenly' if self.even else 'by chance'}"
        )

    def expected(self, seconds: float) -> float:
        """start t + (rate - start) t^2 / (2 over_s) on the ramp, and rate (t - over_s) more beyond it."""
        on_ramp = min(seconds, self.over_s)
        climbed = self.start * on_ramp + (self.rate - self.start) * on_ramp**2 / (2 * self.over_s)
        return climbed + self.rate * max(0.0, seconds - self.over_s)

    def instant(self, requests: float) -> float:
        """The root of that parabola, in the form that does not lose digits where the ramp is flat."""
        beyond = requests - self.expected(self.over_s)
        if beyond >= 0:
            return self.over_s + beyond / self.rate
        root = math.sqrt(max(0.0, self.start**2 + 2 * (self.rate - self.start) * requests / self.over_s))
        return 2 * requests / (self.start + root) if requests else 0.0

    def within(self, duration_s: float) -> int:
        """Those that begin before the end, or as many as are expected."""
        expected = self.expected(duration_s)
        return max(1, math.ceil(expected - _SLACK) if self.even else round(expected))

    def instants(self, seed: int, count: int, duration_s: float | None = None) -> Iterator[float]:
        """Evenly or by chance in units of requests."""
        return self._evenly(count) if self.even else self._by_chance(seed, count, duration_s)


@dataclass(frozen=True, config=_STRICT)
class Replay(Arrivals):
    """As recorded in `file`, `speed` times as fast: a trace of Azure's or BurstGPT, or JSON lines with `at_s`."""

    file: Annotated[str, Field(min_length=1)]
    speed: Rate = 1.0
    kind: Literal["trace"] = "trace"

    @property
    def words(self) -> str:
        """The file, and how fast."""
        faster = "" if self.speed == 1 else f", {self.speed:g} times as fast"
        return f"as in {Path(self.file).name}{faster}"

    @property
    def trace(self) -> Trace:
        """What is in the file. Raises UserError that names file and line."""
        return trace_in(self.file)

    def within(self, duration_s: float) -> int:
        """The rows before the end."""
        return self.trace.before(duration_s * self.speed)

    def lasts_s(self, count: int) -> float:
        """The row before the end."""
        return self.trace.at_s[count - 1] / self.speed

    def instants(self, seed: int, count: int, duration_s: float | None = None) -> Iterator[float]:  # noqa: ARG002 - no chance in it
        """The file's, counted from its first row."""
        return (rounded(at_s / self.speed) or 0.0 for at_s in islice(self.trace.at_s, count))


AnyArrivals: Any = Annotated[reduce(or_, Arrivals.register.values()), Field(discriminator="kind")]
