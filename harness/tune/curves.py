"""Expected makespan and load of a batch against a timeout or a hedge delay, from recorded times. Pure.

The makespan is that of first contents: when the last request of a batch has its own.

With S the survival of the recorded times and S_j the probability of being without an answer after j rounds, a batch of
N independent requests takes E[M] = sum over rounds j of the integral of 1 - (1 - S_j s(u))^N du, with the survival s(u)
within a round. A restart's round is [0, tau) with s = S; a hedge's, one copy after d and each attempt cut at c, is
[0, d + c) with s(u) = S(min(u, c)) S(min(u - d, c)). Attempts per request are 1 / (1 - S(tau)) and
(1 + S(d)) / (1 - S(c)^2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.tune.recording import Recording

Floats = NDArray[np.float64]

#: Resampled recordings.
RESAMPLES = 200
_SEED = 20240208
_BODY, _PER_DECADE = 150, 60
#: What the last round that counts leaves of a batch.
_REST = 1e-7
_MOST_ROUNDS = 60


@dataclass(frozen=True)
class Point:
    """One setting: expected makespan of a batch and attempts per request, each with its 95 % interval."""

    timeout_s: float
    delay_s: float | None
    makespan_s: float
    makespan_ci95: tuple[float, float]
    load: float
    load_ci95: tuple[float, float]


class Curves:
    """Evaluates settings on a recording and on resampled ones."""

    def __init__(self, recording: Recording, batch_size: int) -> None:
        self._recording = recording
        self._batch_size = batch_size
        finite = recording.times[np.isfinite(recording.times)]
        #: Atoms of the distribution, and which of them each attempt is; the last one stands for no answer.
        self._at, self._atom = _atoms(np.sort(finite), recording.times)

    def restart(self, timeout_s: float) -> Point:
        """Restart what has no first content after `timeout_s` seconds."""
        kept = self._at <= timeout_s
        edges = np.concatenate(([0.0], self._at[kept], [timeout_s]))

        def within(survival: Floats) -> tuple[Floats, Floats, Floats]:
            steps = np.concatenate((np.ones((len(survival), 1)), survival[:, kept]), axis=1)
            left = steps[:, -1]
            return steps, left, 1 / np.maximum(1 - left, 1e-12)

        return self._point(timeout_s, None, np.diff(edges), within)

    def hedge(self, delay_s: float, timeout_s: float) -> Point:
        """Send one copy after `delay_s` seconds without content; give each attempt `timeout_s`."""
        kept = self._at[self._at <= timeout_s]
        edges = np.unique(np.concatenate(([0.0, delay_s, delay_s + timeout_s], kept, kept + delay_s)))
        starts = edges[:-1]
        own = np.searchsorted(self._at, np.minimum(starts, timeout_s), side="right")
        copy = np.searchsorted(self._at, np.clip(starts - delay_s, -1.0, timeout_s), side="right")
        at_delay, at_cut = (int(np.searchsorted(self._at, t, side="right")) for t in (delay_s, timeout_s))

        def within(survival: Floats) -> tuple[Floats, Floats, Floats]:
            padded = np.concatenate((np.ones((len(survival), 1)), survival), axis=1)
            left = padded[:, at_cut] ** 2
            load = (1 + padded[:, at_delay]) / np.maximum(1 - left, 1e-12)
            return padded[:, own] * padded[:, copy], left, load

        return self._point(timeout_s, delay_s, np.diff(edges), within)

    def _point(self, timeout_s: float, delay_s: float | None, widths: Floats, within: object) -> Point:
        found = []
        for survival in (self._survival[None], *self._resampled):
            steps, left, load = within(survival)  # type: ignore[operator]  # a function of the two above
            found.append((_makespan(steps, left, widths, self._batch_size), load))
        (mean, load), *resampled = found
        # Of two ways to resample the wider, and upwards with the stalls that a recording of this size can have missed.
        spans = [_interval(spans) for spans, _ in resampled]
        loads = [_interval(loads) for _, loads in resampled]
        return Point(
            timeout_s,
            delay_s,
            float(mean[0]),
            (min(low for low, _ in spans[:2]), max(high for _, high in spans)),
            float(load[0]),
            (min(low for low, _ in loads[:2]), max(high for _, high in loads)),
        )

    @cached_property
    def _survival(self) -> Floats:
        counts = np.bincount(self._atom, minlength=len(self._at) + 1).astype(float)
        return np.asarray(_survival(counts[None])[0])

    @cached_property
    def _resampled(self) -> list[Floats]:
        """Survivals of attempts drawn anew, of batches drawn anew, and of attempts with what they may have missed."""
        rng = np.random.default_rng(_SEED)
        atoms = len(self._at) + 1
        counts = np.bincount(self._atom, minlength=atoms)
        drawn = rng.multinomial(len(self._recording), counts / counts.sum(), size=RESAMPLES).astype(float)
        missed = drawn.copy()
        # Zero stalls in n attempts still allow a share of up to 3/n: a further attempt that never answers, whose weight
        # is exponential with mean 1, is above 3 in one resample of twenty.
        missed[:, -1] += rng.exponential(size=RESAMPLES)
        batches = self._recording.groups.get("batch")
        grouped = drawn if batches is None else _by_batch(batches, self._atom, atoms, rng)
        return [_survival(drawn), _survival(grouped), _survival(missed)]


def _atoms(ordered: Floats, times: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Distinct times, the body thinned to quantiles; and for each attempt the atom that it falls into."""
    n = ordered.size
    ranks = np.arange(n)
    above = 1 - (ranks + 0.5) / n
    ranges = np.floor(_BODY * ranks / n) + np.floor(-_PER_DECADE * np.log10(above))
    last = np.flatnonzero(np.diff(ranges, append=np.inf))
    at = np.unique(ordered[last])
    return at, np.searchsorted(at, times, side="left")


def _by_batch(batches: NDArray[np.int64], atom: NDArray[np.int64], atoms: int, rng: np.random.Generator) -> Floats:
    _, index = np.unique(batches, return_inverse=True)
    number = int(index.max()) + 1
    table = np.bincount(index * atoms + atom, minlength=number * atoms).reshape(number, atoms)
    picked = rng.multinomial(number, np.full(number, 1 / number), size=RESAMPLES)
    return np.asarray(picked @ table, dtype=float)


def _survival(counts: Floats) -> Floats:
    """P(T > atom) of each row of counts, whose last column never answers."""
    total = counts.sum(axis=1, keepdims=True)
    return np.asarray(1 - np.cumsum(counts, axis=1)[:, :-1] / total)


def _makespan(steps: Floats, left: Floats, widths: Floats, batch_size: int) -> Floats:
    """E[M] by row, summed until hardly a batch is left; infinity where no request gets anywhere."""
    worst = float(left.max(initial=0.0))
    rounds = 1
    if 0 < worst < 1:
        rounds = min(_MOST_ROUNDS, math.ceil(math.log(_REST / batch_size) / math.log(worst)) + 1)
    total = np.zeros(len(steps))
    share = np.ones(len(steps))
    for _ in range(max(1, rounds)):
        total += (-np.expm1(batch_size * np.log1p(-np.minimum(share[:, None] * steps, 1 - 1e-16)))) @ widths
        share = share * left
    return np.asarray(np.where(left >= 1, np.inf, total))


def _interval(values: Floats) -> tuple[float, float]:
    # Between two values nothing is interpolated: either may be infinite.
    low, high = np.quantile(values, [0.025, 0.975], method="inverted_cdf")
    return float(low), float(high)
