"""Requests under restarts and hedges, all at once: what `harness.attempts` plays one by one, done on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.simulation.draws import Draws
from harness.strategies import Memory, Played
from harness.strategies.hedges import Hedge
from harness.strategies.played import limit_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
#: The strategies that are simulated ask it for nothing.
_EMPTY = Memory()


@dataclass(frozen=True, eq=False)
class Requests:
    """One entry per request: seconds until it was over, whether it failed, and its attempts beyond the first."""

    times: Floats
    failed: NDArray[np.bool_]
    extra: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class _Round:
    """Some requests' attempts from one retry to the next: when and whether one of them answered, and how many.

    `end` is the end of the answer or the instant of the next retry, in seconds from the request's begin.
    """

    end: Floats
    answered: NDArray[np.bool_]
    made: Ints


def play(strategy: Played, draws: Draws, *, first: int, count: int) -> Requests:
    """Play the requests of the rows from `first` on under a strategy for which `why_not` has no reason."""
    whole, deadline = limit_of(strategy.attempt_timeout), limit_of(strategy.total_timeout)
    delay = strategy.delay if isinstance(strategy, Hedge) else np.inf
    begins, ends = draws.first_attempts(first, count)
    # The quick path: most first attempts answer before anything is due. A draw of the others is not thrown away.
    limit = min(strategy.first_content_s(0, _EMPTY), whole)
    smooth = (begins <= min(limit, delay)) & (ends <= min(whole, deadline))
    left = np.flatnonzero(~smooth)
    times = ends
    failed = np.zeros(count, dtype=bool)
    extra = np.zeros(count, dtype=np.int32)
    start = np.zeros(left.size)
    made = np.zeros(left.size, dtype=np.int64)
    given: tuple[Floats, Floats] | None = (begins[left], ends[left])
    for round_ in range(strategy.max_retries + 1):
        if not left.size:
            break
        limit = min(strategy.first_content_s(round_, _EMPTY), whole)
        found = _round(draws, left + first, start, made, limit=limit, whole=whole, strategy=strategy, given=given)
        given, made = None, found.made
        over = found.answered | (found.end >= deadline) | (round_ == strategy.max_retries)
        at = left[over]
        times[at] = np.minimum(found.end[over], deadline)
        failed[at] = ~found.answered[over] | (found.end[over] > deadline)
        extra[at] = made[over] - 1
        left, start, made = left[~over], found.end[~over], made[~over]
    return Requests(times, failed, extra)


def _round(
    draws: Draws,
    rows: Ints,
    start: Floats,
    made: Ints,
    *,
    limit: float,
    whole: float,
    strategy: Played,
    given: tuple[Floats, Floats] | None,
) -> _Round:
    """One attempt and its copies, `delay` apart as long as there is no content; the first content decides the race."""
    delay = strategy.delay if isinstance(strategy, Hedge) else 0.0
    deadline = limit_of(strategy.total_timeout)
    content = np.full(rows.size, np.inf)
    end = start + strategy.hedges * delay + limit
    answered = np.zeros(rows.size, dtype=bool)
    made = made.copy()
    for copy in range(strategy.hedges + 1):
        launch = start + copy * delay
        # An attempt that never begins, for the race was over or the time was up, must not be drawn: it has no number.
        sent = np.flatnonzero((content > launch) & (launch < deadline))
        made[sent] += 1
        if given is not None and copy == 0:
            begins, ends = given[0][sent], given[1][sent]
        else:
            begins, ends = draws.further(rows[sent], made[sent])
        at = np.where(begins <= limit, launch[sent] + begins, np.inf)
        won = at < content[sent]
        winners = sent[won]
        content[winners] = at[won]
        answered[winners] = ends[won] <= whole
        end[winners] = launch[winners] + np.minimum(ends[won], whole)
    return _Round(end, answered, made)
