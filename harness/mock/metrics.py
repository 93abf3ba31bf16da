"""Numbers for Prometheus: counters, gauges, and a histogram of delays that costs nothing to keep."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence

Row = tuple[str, str, str, Sequence[tuple[str, float]]]

_PREFIX = "harness_mock_"
#: A server that is later than so many seconds, one event in a hundred, is too late to judge others.
TIMING_LIMIT_S = 0.02
#: Upper bounds of the buckets in seconds: four for each factor of ten from 10 us to 100 s, and the limit, on whose side
#: of which a delay was must be known exactly.
_BOUNDS = sorted([*(10 ** (step / 4) for step in range(-20, 9)), TIMING_LIMIT_S])


class Latency:
    """A histogram of delays in seconds, each kept within a quarter of a factor of ten."""

    def __init__(self) -> None:
        self._buckets = [0] * (len(_BOUNDS) + 1)
        self._sum = 0.0
        self.count = 0
        self.largest = 0.0

    def add(self, seconds: float, times: int = 1) -> None:
        """Count a delay; less than nothing counts as nothing."""
        seconds = max(0.0, seconds)
        self._buckets[bisect_left(_BOUNDS, seconds)] += times
        self._sum += seconds * times
        self.count += times
        self.largest = max(self.largest, seconds)

    def quantile(self, q: float) -> float:
        """The upper bound of the bucket that holds the quantile, at most the largest delay; 0 without any."""
        rank, seen = math.ceil(q * self.count), 0
        for bound, held in zip([*_BOUNDS, math.inf], self._buckets, strict=True):
            seen += held
            if seen >= rank > 0:
                return min(bound, self.largest)
        return 0.0

    def exposition(self, name: str, text: str) -> bytes:
        """The histogram in Prometheus' text format."""
        full = _PREFIX + name
        lines = [f"# HELP {full} {text}", f"# TYPE {full} histogram"]
        seen = 0
        for bound, held in zip(_BOUNDS, self._buckets, strict=False):
            seen += held
            lines.append(f'{full}_bucket{{le="{bound:.6g}"}} {seen}')
        lines += [
            f'{full}_bucket{{le="+Inf"}} {self.count}',
            f"{full}_sum {self._sum:.9g}",
            f"{full}_count {self.count}",
        ]
        return ("\n".join(lines) + "\n").encode()


def exposition(rows: Iterable[Row]) -> bytes:
    """Counters and gauges in Prometheus' text format; each row is name, type, help and its labelled values."""
    lines = []
    for name, kind, text, values in rows:
        full = _PREFIX + name
        lines += [f"# HELP {full} {text}", f"# TYPE {full} {kind}"]
        lines += [f"{full}{labels} {value}" for labels, value in values]
    return ("\n".join(lines) + "\n").encode()
