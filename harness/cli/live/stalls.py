"""Which requests stalled, judged while the run goes on.

A stall is silence longer than it should be. What it should be is known from the run itself: the median time of the
requests of the same cell so far. A request counts as stalled

- when its first attempt was given up (`timeout`, or `cancelled` because a copy answered) after more silence than that
  median; of two copies that were sent at once one is always cancelled, which is no stall;
- or when it took more than `FACTOR` times the median, whatever was done about it.

Before `FEWEST` requests of a cell have ended, only an attempt that ended in a timeout counts.
"""

from __future__ import annotations

import math

from harness.records import Outcome

#: Beyond so many medians a request stalled, and so many requests make a median.
FACTOR, FEWEST = 5.0, 20

#: The median is kept to two per cent: each bin is so much wider than the one before.
_RATIO = math.log(1.04)


class Median:
    """The median of a stream of times in seconds, to two per cent; looked up anew whenever a tenth more has come."""

    __slots__ = ("_bins", "_due", "_value", "count")

    def __init__(self) -> None:
        self.count = 0
        self._bins: dict[int, int] = {}
        self._due = 1
        self._value = 0.0

    def add(self, seconds: float) -> None:
        """Count one time."""
        place = math.floor(math.log(seconds) / _RATIO) if seconds > 1e-9 else -10_000
        self._bins[place] = self._bins.get(place, 0) + 1
        self.count += 1

    @property
    def value(self) -> float | None:
        """Half of the times were longer; None while there are too few to tell."""
        if self.count < FEWEST:
            return None
        if self.count >= self._due:
            self._due = self.count + self.count // 10 + 1
            self._value = self._found()
        return self._value

    def _found(self) -> float:
        passed = 0
        for place in sorted(self._bins):
            passed += self._bins[place]
            if 2 * passed >= self.count:
                return math.exp((place + 0.5) * _RATIO)
        return math.inf


def stalled(outcome: Outcome, median_s: float | None) -> bool:
    """Whether a request stalled, as this module defines it; `median_s` is None while it is not known."""
    if median_s is not None and outcome.end_s - outcome.start_s > FACTOR * median_s:
        return True
    if not outcome.attempts:
        return False
    first = outcome.attempts[0]
    if first.outcome == "timeout":
        return median_s is None or first.end_s - first.send_s > median_s
    if first.outcome != "cancelled" or len(outcome.attempts) < 2 or median_s is None:
        return False
    # A copy that was sent at once waited for nothing; one that was sent later had heard nothing for that long.
    return outcome.attempts[1].send_s > first.send_s and first.end_s - first.send_s > median_s
