"""Fewer atoms for a discrete distribution, with the tail as finely resolved as the body."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def strata(body: int = 400, per_decade: int = 40, decades: int = 7) -> tuple[Array, Array]:
    """Midpoints of ranges that divide (0, 1), and their widths.

    `body` ranges are equally wide up to 0.9; above it each power of ten of 1 - u has `per_decade` of them, because the
    slowest of n requests sits at about 1 - u = 1/n.
    """
    tail = 1 - np.logspace(-1, -decades, (decades - 1) * per_decade + 1)
    edges = np.concatenate((np.linspace(0, 0.9, body + 1)[:-1], tail, [1.0]))
    return (edges[1:] + edges[:-1]) / 2, np.diff(edges)


def thinned(times: Array, weights: Array, body: int = 600, per_decade: int = 60) -> tuple[Array, Array]:
    """The distribution in order of time, neighbours merged into their mean so that few atoms remain.

    About `body` ranges of equal probability, cut further so that each power of ten of the survival has `per_decade`.
    The mean is kept exactly; infinite times are not allowed. One that is small already is only put in order.
    """
    order = np.argsort(times, kind="stable")
    times, weights = times[order], weights[order]
    if times.size <= body:
        return times, weights
    begins = np.flatnonzero(np.diff(ranges(weights, body, per_decade), prepend=-1.0))
    merged = np.add.reduceat(weights, begins)
    keep = merged > 0
    return (np.add.reduceat(times * weights, begins)[keep] / merged[keep]), merged[keep]


def ranges(weights: Array, body: int, per_decade: int) -> Array:
    """For atoms in order, a number that rises from each range of neighbours to the next (see `thinned`)."""
    total = float(weights.sum())
    middle = (np.cumsum(weights) - weights / 2) / total
    above = np.maximum(1 - middle, 1e-15)
    return np.asarray(np.floor(body * middle) + np.floor(-per_decade * np.log10(above)))
