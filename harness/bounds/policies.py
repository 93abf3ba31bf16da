"""How long a request takes, and how many attempts it costs, under restarting and hedging."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.bounds.lanes import Lane, added, lane_of, sums
from harness.bounds.latency import Latency
from harness.bounds.thinning import thinned

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Policy:
    """Lanes, each of which asks again when its attempt fails or has no first content after `timeout_s`.

    The first lane begins at once, each further one `delay_s` later, up to `copies`, as long as no lane has content.
    The first content cancels the other lanes; its attempt runs to its end, and if that is an error, all begins again.
    With `whole` nothing counts as content but the whole answer. Between an attempt and the next one of its lane are
    `pause_s` seconds. Infinity means never. Raises ValueError for copies without a delay.
    """

    timeout_s: float = math.inf
    delay_s: float = math.inf
    copies: int = 1
    whole: bool = False
    pause_s: float = 0.0

    def __post_init__(self) -> None:
        if self.copies > 1 and not math.isfinite(self.delay_s):
            raise ValueError("delay_s: further copies need to begin at some time")

    @property
    def words(self) -> str:
        """What it does, for people."""
        whole = " for the whole answer" if self.whole else ""
        cut = f"after {self.timeout_s:.3g} s"
        if self.copies == 1:
            return "no timeout" if math.isinf(self.timeout_s) else f"restart {cut}{whole}"
        more = "a copy" if self.copies == 2 else f"up to {self.copies - 1} copies, each"
        limit = "" if math.isinf(self.timeout_s) else f", each attempt cut {cut}"
        return f"{more} after {self.delay_s:.3g} s{whole}{limit}"


@dataclass(frozen=True, eq=False)
class RequestTime:
    """The time of one request in seconds: `times` in order, their `weights`, and the probability of `never`.

    `load` is the expected number of attempts of a request.
    """

    times: Array
    weights: Array
    never: float
    load: float

    def survival(self, t: ArrayLike) -> Array:
        """P(no answer by t), t in seconds, of any shape."""
        by = np.concatenate(([0.0], np.cumsum(self.weights)))
        return np.asarray(1 - by[np.searchsorted(self.times, t, side="right")])

    @property
    def mean(self) -> float:
        """The expected time in seconds; infinity if some are never answered."""
        return math.inf if self.never else float((self.times * self.weights).sum())

    def expected_max(self, n: int) -> float:
        """E[M], M the slowest of n independent requests, in seconds: the integral of 1 - (1 - S(t))^n over t.

        The survival S is a step function, so the integral is a sum: P(M <= t) rises by F_k^n - F_(k-1)^n at t_k.
        """
        if self.never:
            return math.inf
        by = np.minimum(np.cumsum(self.weights), 1.0) ** n
        by[-1] = 1.0
        # No dot product: from 10,000 numbers on that starts threads.
        return float((np.diff(by, prepend=0.0) * self.times).sum())

    def quantiles(self, u: Array) -> Array:
        """Times of requests whose probabilities of being as fast are u in (0, 1)."""
        by = np.cumsum(self.weights)
        times = np.append(self.times, np.inf if self.never else self.times[-1])
        return times[np.searchsorted(by, u)]


def request_time(latency: Latency, policy: Policy) -> RequestTime:
    """The time of a request whose attempts are independent draws of `latency`."""
    lane = lane_of(latency.whole if policy.whole else latency, policy.timeout_s, policy.pause_s)
    if lane is None:
        return RequestTime(np.array([math.inf]), np.ones(1), never=1.0, load=math.inf)
    at, weights = _first_content(lane, policy)
    ends = at + np.tile(lane.rests, policy.copies)
    ok, ended = np.tile(lane.ok, policy.copies), np.isfinite(ends)
    answered, failed = ended & ok, ended & ~ok
    again = float(weights[failed].sum())
    success = float(weights[answered].sum())
    never = 1 - success / (1 - again)
    times, weights_of = ends[answered], weights[answered]
    if again:
        offsets, offset_weights = sums(ends[failed] + policy.pause_s, weights[failed])
        # As many sums as offsets: a finer division costs more than the fourth digit of a total is worth.
        times, weights_of = thinned(times, weights_of, body=150, per_decade=30)
        times, weights_of = added(offsets, offset_weights, times, weights_of)
    order = np.argsort(times, kind="stable")
    never = never if never > 1e-9 else 0.0
    weights_of = weights_of[order] * ((1 - never) / weights_of.sum())
    return RequestTime(times[order], weights_of, never=never, load=_attempts(lane, policy) / (1 - again))


def _first_content(lane: Lane, policy: Policy) -> tuple[Array, Array]:
    """When the first content of all lanes comes, lane by lane, and with which probability.

    The content of lane k wins if it comes before that of every other lane j: S_h(t) = prod_j S(t - j d) for the time
    of the first; at equal times the lane that began first wins.
    """
    if policy.copies == 1:
        return lane.at, lane.weights
    at, weights = [], []
    for k in range(policy.copies):
        instants, wins = lane.at + k * policy.delay_s, lane.weights
        for j in range(policy.copies):
            if j != k:
                wins = wins * lane.later(instants - j * policy.delay_s, or_then=j > k)
        at.append(instants)
        weights.append(wins)
    return np.concatenate(at), np.concatenate(weights)


def _attempts(lane: Lane, policy: Policy) -> float:
    """Expected attempts until the first content: each that a lane would begin, if no other lane has content by then.

    What begins at once always begins.
    """
    load = 0.0
    for k in range(policy.copies):
        begun = lane.begin_weights
        for j in range(policy.copies):
            if j != k:
                others = lane.begins + (k - j) * policy.delay_s
                begun = begun * np.where(lane.begins + k * policy.delay_s > 0, lane.later(others), 1.0)
        load += float(begun.sum())
    return load
