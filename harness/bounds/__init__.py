"""What stands beside every measured total: how fast the workload could have been, and under which load."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from harness.bounds.latency import Latency
from harness.bounds.makespan import gather_total, window_estimate, window_total
from harness.bounds.policies import Policy, RequestTime, request_time
from harness.bounds.sampling import why_not
from harness.bounds.search import SLACK, Search, rank
from harness.profiles import Profile

__all__ = [
    "Best",
    "Bounds",
    "Latency",
    "Policy",
    "RequestTime",
    "best_restart",
    "bounds",
    "bounds_of",
    "request_time",
    "why_not",
]

Dispatch = Literal["gather", "window"]
#: Attempts beyond one a request, as a share of the requests.
BUDGETS = (0.03, 0.05, 0.10)
#: So many of the policies that look best are simulated where there is no formula.
_SIMULATED = 3


@dataclass(frozen=True)
class Best:
    """A policy, the expected total of the workload under it in seconds, and its attempts per request.

    `standard_error_s` is that of the simulation; a formula has none.
    """

    seconds: float
    load: float
    policy: Policy
    standard_error_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, and the policy in words; a time that never comes is None."""
        return {
            "total_s": _plain(self.seconds, 3),
            "standard_error_s": _plain(self.standard_error_s, 3),
            "load": _plain(self.load, 4),
            "policy": self.policy.words,
            "timeout_s": _plain(self.policy.timeout_s, 3),
            "delay_s": _plain(self.policy.delay_s, 3),
            "copies": self.policy.copies,
        }


@dataclass(frozen=True)
class Bounds:
    """Expected totals of a workload in seconds, of which no one of a kind can do better.

    `no_stall_s`: every attempt spared by all faults; None where that is not known. `best_restart`: one attempt of a
    request at a time, with the timeout that is best for the total. `best_within`: restarts or hedges that cost at most
    so many attempts more, as a share of the requests. None where there is no such policy. Hedging may beat
    `no_stall_s`, for it also trims the healthy times.
    """

    no_stall_s: float | None
    best_restart: Best | None
    best_within: Mapping[float, Best | None]

    @property
    def best_restart_s(self) -> float:
        """Seconds of the best restart; infinity when there is none."""
        return self.best_restart.seconds if self.best_restart else math.inf

    def to_dict(self) -> dict[str, Any]:
        """Plain rounded numbers; budgets are the keys of `best_within`."""
        restart = self.best_restart
        return {
            "no_stall_s": _plain(self.no_stall_s, 3),
            "best_restart": restart.to_dict() if restart else None,
            "best_within": {
                f"{budget:g}": best.to_dict() if best else None for budget, best in self.best_within.items()
            },
        }


def best_restart(latency: Latency, batch_size: int) -> Best | None:
    """The restart that is best for a batch of so many requests, with the batch's seconds; for one, best on average.

    The two may differ: restarting can move the mean and the tail in opposite directions (Eliazar and Reuveni, 2020).
    None where no restart leads to an answer.
    """

    def slowest(request: RequestTime) -> float:
        return request.expected_max(batch_size)

    found = Search(latency, slowest, hedges=False).best(copies=1)
    requests = [(request_time(latency, policy), policy) for policy in found]
    return next((Best(slowest(request), request.load, policy) for request, policy in requests), None)


def _plain(value: float | None, digits: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, digits)


def bounds(
    latency: Latency,
    *,
    requests: int,
    in_flight: int,
    dispatch: Dispatch,
    healthy: Latency | None = None,
    budgets: Sequence[float] = BUDGETS,
) -> Bounds:
    """The bounds of a workload whose attempts are independent draws of `latency`, without faults of `healthy`.

    `gather` sends batches of `in_flight` requests one after the other, `window` keeps so many of them in flight.
    """
    workload = _Workload(requests, in_flight, dispatch)
    search = Search(latency, workload.estimate)
    count = 1 if workload.is_exact else _SIMULATED
    promising = search.best(copies=1, count=count)
    for budget in budgets:
        promising += search.best(1 + budget, count=count)
    found = (workload.total(latency, policy) for policy in set(promising))
    totals = sorted(found, key=lambda best: rank(best.seconds, best.load, best.policy))
    within = {budget: [best for best in totals if best.load <= 1 + budget + SLACK] for budget in budgets}
    return Bounds(
        no_stall_s=None if healthy is None else workload.total(healthy, Policy()).seconds,
        best_restart=next((best for best in totals if best.policy.copies == 1), None),
        best_within={budget: next(iter(fitting), None) for budget, fitting in within.items()},
    )


def bounds_of(
    profile: Profile,
    *,
    stream: bool,
    requests: int,
    in_flight: int,
    dispatch: Dispatch,
    tokens: int | None = None,
    budgets: Sequence[float] = BUDGETS,
) -> Bounds:
    """The bounds of a workload on a profile, each computed once. Raises UserError where `why_not` has a reason."""
    text = json.dumps(profile.to_dict())
    return _bounds_of(
        text,
        stream=stream,
        requests=requests,
        in_flight=in_flight,
        dispatch=dispatch,
        tokens=tokens,
        budgets=tuple(budgets),
    )


@lru_cache(maxsize=256)
def _bounds_of(
    profile_text: str,
    *,
    stream: bool,
    requests: int,
    in_flight: int,
    dispatch: Dispatch,
    tokens: int | None,
    budgets: tuple[float, ...],
) -> Bounds:
    # Profiles with tables cannot be hashed.
    profile = Profile.from_dict(json.loads(profile_text))
    return bounds(
        Latency.of_profile(profile, stream=stream, tokens=tokens),
        requests=requests,
        in_flight=in_flight,
        dispatch=dispatch,
        healthy=Latency.of_profile(profile, stream=stream, tokens=tokens, healthy=True),
        budgets=budgets,
    )


class _Workload:
    """So many requests, sent in one of the two ways."""

    def __init__(self, requests: int, in_flight: int, dispatch: Dispatch) -> None:
        self._requests = requests
        self._in_flight = min(in_flight, requests)
        self._gather = dispatch == "gather"
        self.is_exact = self._gather or self._in_flight == requests

    def estimate(self, request: RequestTime) -> float:
        """Seconds of the whole, exact or good enough for a choice."""
        total = gather_total if self._gather else window_estimate
        return total(request, self._requests, self._in_flight)

    def total(self, latency: Latency, policy: Policy) -> Best:
        """Seconds of the whole."""
        request = request_time(latency, policy)
        if self.is_exact:
            return Best(self.estimate(request), request.load, policy)
        seconds, error = window_total(request, self._requests, self._in_flight)
        return Best(seconds, request.load, policy, error)
