"""One attempt after the other until the first content comes: what restarting makes of the time of an attempt."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.bounds.latency import Latency
from harness.bounds.thinning import ranges, thinned

Array = NDArray[np.float64]
#: Instants of content, rests after them, whether these lead to an answer, probabilities.
Contents = tuple[Array, Array, NDArray[np.bool_], Array]

#: More failed attempts in a row than are as likely as this are left out.
_REST = 1e-11
_MOST_LEVELS = 400
#: Different times of one failed attempt, if there are more; half as many of the sum of two, and so on.
_OFFSETS = 16
#: Instants that are equal but for rounding must be equal: ties have a winner.
_DIGITS = 9
#: More instants of content than these are merged.
_MANY = 12_000


class Lane(NamedTuple):
    """One lane until its first content: attempts begin at `begins`, content comes `at` with probability `weights`.

    The attempt whose content it is goes on for `rests`, to an answer where `ok` is set. `by` holds the probabilities
    that content has come by none, one, two, ... of the instants `at`.
    """

    begins: Array
    begin_weights: Array
    at: Array
    weights: Array
    rests: Array
    ok: NDArray[np.bool_]
    by: Array

    def later(self, t: Array, *, or_then: bool = False) -> Array:
        """P(no content by t), or before t with `or_then`."""
        place = np.searchsorted(self.at, np.round(t, _DIGITS), side="left" if or_then else "right")
        return np.asarray(1 - self.by[place])


@lru_cache(maxsize=64)
def lane_of(latency: Latency, timeout_s: float, pause_s: float) -> Lane | None:
    """Restarts without first content; None where content hardly ever comes in time.

    With S the survival of the first content, tau the timeout and c the pause, S_tau(n (tau + c) + u) =
    S(tau)^n S(min(u, tau)): after n (tau + c) another attempt begins with probability S(tau)^n. Attempts that fail
    before the timeout are followed by the next one as well.
    """
    content = np.isfinite(latency.first) & (latency.first <= timeout_s)
    until = np.minimum(latency.times, timeout_s) + pause_s
    dropped = ~content & np.isfinite(until)
    if latency.weights[content].sum() < 0.05 * (1 - latency.weights[~content & ~dropped].sum()):
        return None
    begins, begin_weights = sums(until[dropped], latency.weights[dropped])
    at, weights = added(begins, begin_weights, latency.first[content], latency.weights[content])
    rests = np.tile(latency.times[content] - latency.first[content], begins.size)
    ok = np.tile(latency.ok[content], begins.size)
    if at.size > _MANY:
        at, rests, ok, weights = _coarser(at, rests, ok, weights)
    order = np.argsort(at, kind="stable")
    weights = weights[order]
    by = np.concatenate(([0.0], np.cumsum(weights)))
    return Lane(begins, begin_weights, np.round(at[order], _DIGITS), weights, rests[order], ok[order], by)


def _coarser(at: Array, rests: Array, ok: NDArray[np.bool_], weights: Array) -> Contents:
    """Fewer contents: those with like rests are merged with their neighbours in time."""
    if ok.all() and np.ptp(rests) < 1e-9:
        at, weights = thinned(at, weights, body=2000, per_decade=200)
        return at, np.full(at.size, rests[0]), np.ones(at.size, bool), weights
    parts: list[Contents] = []
    for kind in (ok & np.isfinite(rests), ~ok & np.isfinite(rests), np.isinf(rests)):
        order = np.flatnonzero(kind)[np.argsort(rests[kind], kind="stable")]
        if not order.size:
            continue
        alike = np.flatnonzero(np.diff(ranges(weights[order], body=24, per_decade=8), prepend=-1.0))
        for group in np.split(order, alike[1:]):
            few, few_weights = thinned(at[group], weights[group], body=100, per_decade=15)
            rest = np.inf if np.isinf(rests[group[0]]) else np.average(rests[group], weights=weights[group])
            parts.append((few, np.full(few.size, rest), np.full(few.size, ok[group[0]]), few_weights))
    at, rests, found, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    return at, rests, found.astype(bool), weights


def added(offsets: Array, offset_weights: Array, times: Array, weights: Array) -> tuple[Array, Array]:
    """The sum of two independent times, offset by offset."""
    return np.add.outer(offsets, times).ravel(), np.multiply.outer(offset_weights, weights).ravel()


def sums(times: Array, weights: Array) -> tuple[Array, Array]:
    """Sums of 0, 1, 2, ... failed attempts and the probability of at least so many: a renewal process.

    Exact where failures take few different times, such as the timeout; else neighbouring sums are merged into their
    mean.
    """
    total = float(weights.sum())
    if not total:
        return np.zeros(1), np.ones(1)
    levels = min(_MOST_LEVELS, math.ceil(math.log(_REST) / math.log(total)))
    step = _few(times, weights, _OFFSETS)
    found = [(np.zeros(1), np.ones(1)), step]
    for level in range(1, levels):
        found.append(_few(*added(*found[-1], *step), max(2, _OFFSETS >> level)))
    return np.concatenate([offsets for offsets, _ in found]), np.concatenate([shares for _, shares in found])


def _few(times: Array, weights: Array, most: int) -> tuple[Array, Array]:
    """Equal times merged, and then neighbours if more than about `most` are left."""
    distinct, index = np.unique(np.round(times, _DIGITS), return_inverse=True)
    return thinned(distinct, np.bincount(index, weights).astype(float), body=most, per_decade=2)
