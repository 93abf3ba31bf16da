"""The total of a workload whose requests take known times: batch by batch, or a number of them in flight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def gathered(times: Floats, batch_size: int) -> Floats:
    """Seconds of each row of `times`, shape (trials, requests): the sum of its batches' slowest; the last may be short.

    Returns shape (trials,).
    """
    trials, requests = times.shape
    full = requests - requests % batch_size
    total = times[:, :full].reshape(trials, -1, batch_size).max(axis=2).sum(axis=1)
    if full < requests:
        total = total + times[:, full:].max(axis=1)
    return np.asarray(total)


def windowed(times: Floats, in_flight: int) -> Floats:
    """Seconds of each row of `times`, shape (trials, requests), with so many requests under way until all are done.

    List scheduling (Graham, "Bounds on multiprocessing timing anomalies", 1969): each request begins where the first
    of those under way has ended. Returns shape (trials,).
    """
    trials, requests = times.shape
    if in_flight >= requests:
        return np.asarray(times.max(axis=1))
    ends = np.ascontiguousarray(times[:, :in_flight])
    flat, offsets = ends.ravel(), np.arange(trials) * in_flight
    for column in np.ascontiguousarray(times[:, in_flight:].T):
        flat[ends.argmin(axis=1) + offsets] += column
    return np.asarray(ends.max(axis=1))
