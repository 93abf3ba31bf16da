"""The recommendation: which timeout, which hedge, at what price, and what speaks against believing it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np

from harness.errors import UserError
from harness.progress import Progress, nobody, part
from harness.simulation import FromTimes, simulate
from harness.strategies import ADAPTER, OFF, Played
from harness.strategies.played import limit_of
from harness.strategies.restarts import Restart
from harness.tune.curves import Curves, Point
from harness.tune.evidence import Evidence, evidence
from harness.tune.recording import Recording

#: Timeouts on the curve, delays of hedges, and how many times a delay an attempt of a hedge gets.
_TIMEOUTS, _DELAYS, _PATIENCE = 36, 14, (2.0, 4.0, 8.0)
#: A setting is as good as the best if it takes no more than this share longer: the sampling error is larger.
AS_GOOD = 0.02
#: Requests of the workload whose total is estimated.
WORKLOAD = 1000
#: So many of them are simulated: their mean is known to a per cent or so.
_WORKLOADS, _SEED = 400, 20240208


@dataclass(frozen=True)
class Choice:
    """A setting, its expectation, and the strategy that plays it."""

    point: Point
    strategy: dict[str, Any]
    words: str


@dataclass(frozen=True)
class Advice:
    """What a recording argues for.

    `curve` are restarts in ascending order of the timeout; `restart` and `hedge` the choices within the load budget,
    None where nothing keeps it; `waiting` what a batch takes up to the recorded limit without either. `gather_s` and
    `window_s` are the expected totals of `WORKLOAD` whole answers under the better choice, in batches and with as many
    in flight as a batch has.
    """

    recording: Recording
    batch_size: int
    most_load: float
    curve: tuple[Point, ...]
    hedges: tuple[Point, ...]
    restart: Choice | None
    hedge: Choice | None
    waiting: Point
    gather_s: float | None
    window_s: float | None
    evidence: Evidence

    @property
    def batch_s(self) -> float | None:
        """The expected time until all answers of a batch are whole, in seconds."""
        return None if self.gather_s is None else self.gather_s * self.batch_size / WORKLOAD

    @property
    def best(self) -> Choice | None:
        """The quicker of the two choices; of equals the restart, which is simpler."""
        return _quicker(self.restart, self.hedge)

    @property
    def doubts(self) -> list[str]:
        """What speaks against believing it, with advice."""
        found = self.evidence
        doubts = [
            f"{check.text}: a second attempt is no new draw, so expect less than this; try `adaptive`, which keeps its "
            "first attempt"
            for check in found.checks
            if check.follows
        ]
        if found.stalls < 10:
            doubts.append(
                f"{found.stalls} stalls in {found.attempts} attempts: up to {found.most_stalls:.2%} of attempts may "
                "stall all the same; record more"
            )
        return doubts

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        best = self.best
        return {
            "source": self.recording.source,
            "attempts": len(self.recording),
            "limit_s": self.recording.limit_s,
            "rest_s": self.recording.rest_s,
            "batch_size": self.batch_size,
            "most_load": self.most_load,
            "restart": _choice(self.restart),
            "hedge": _choice(self.hedge),
            "recommended": _choice(best),
            "waiting": _point(self.waiting),
            "in_flight": self.batch_size,
            "workload": {
                "requests": WORKLOAD,
                "batch_s": self.batch_s,
                "gather_s": self.gather_s,
                "window_s": self.window_s,
            },
            "evidence": {
                "stalls": self.evidence.stalls,
                "stall_s": self.evidence.stall_s,
                "most_stalls": self.evidence.most_stalls,
                "checks": {check.what: check.p_value for check in self.evidence.checks},
            },
            "doubts": self.doubts,
            "curve": [_point(point) for point in self.curve],
            "hedges": [_point(point) for point in self.hedges],
        }


def advise(
    recording: Recording, *, batch_size: int = 100, most_load: float = 1.05, progress: Progress = nobody
) -> Advice:
    """The advice for batches of so many requests and at most so many attempts per request.

    `progress` hears how much is done. Raises UserError when the recording ends too early to say anything.
    """
    median, limit = recording.median_s, recording.limit_s
    if not math.isfinite(median) or limit <= median:
        raise UserError(
            f"{recording.source}: half of the attempts were given up before their answer (after {limit:g} s or later); "
            "record without a timeout, or with a long one"
        )
    curves = Curves(recording, batch_size)
    timeouts = [(timeout,) for timeout in _grid(median * 1.02, limit, _TIMEOUTS)]
    curve = _each(curves.restart, timeouts, part(progress, 0.0, 0.4))
    delays = [
        (delay, patience * delay)
        for delay in _grid(median, max(median * 1.5, limit / 4), _DELAYS)
        for patience in _PATIENCE
        if patience * delay <= limit
    ]
    hedges = _each(curves.hedge, delays, part(progress, 0.4, 0.9))
    best_restart, best_hedge = _best(curve, most_load, late=True), _best(hedges, most_load, late=False)
    restart = None if best_restart is None else _restart(best_restart, recording)
    hedge = None if best_hedge is None else _hedge(best_hedge, recording)
    chosen = _quicker(restart, hedge)
    return Advice(
        recording=recording,
        batch_size=batch_size,
        most_load=most_load,
        curve=curve,
        hedges=hedges,
        restart=restart,
        hedge=hedge,
        waiting=curve[-1],
        gather_s=_simulated(recording, chosen, "gather", batch_size),
        window_s=_simulated(recording, chosen, "window", batch_size),
        evidence=evidence(recording),
    )


def _each(point: Callable[..., Point], settings: Sequence[Iterable[float]], progress: Progress) -> tuple[Point, ...]:
    points = []
    for number, setting in enumerate(settings):
        progress(number / len(settings))
        points.append(point(*setting))
    return tuple(points)


def _grid(low: float, high: float, count: int) -> list[float]:
    """Times at even ratios, to three digits, as they are written into a strategy."""
    return sorted({float(f"{t:.3g}") for t in np.geomspace(low, high, count) if float(f"{t:.3g}") <= high})


def _best(points: Sequence[Point], most_load: float, *, late: bool) -> Point | None:
    """Of those as good as the best within the budget, the cheapest; of restarts the latest, which is the cheapest too.

    The curve is steep to the left and flat to the right of its lowest point: rather a little too much patience.
    """
    fitting = [point for point in points if point.load <= most_load and math.isfinite(point.makespan_s)]
    if not fitting:
        return None
    least = min(point.makespan_s for point in fitting)
    good = [point for point in fitting if point.makespan_s <= least * (1 + AS_GOOD)]
    return max(good, key=lambda point: point.timeout_s) if late else min(good, key=lambda point: point.load)


def _quicker(restart: Choice | None, hedge: Choice | None) -> Choice | None:
    if restart is None or hedge is None:
        return restart or hedge
    return hedge if hedge.point.makespan_s < restart.point.makespan_s / (1 + AS_GOOD) else restart


def _simulated(recording: Recording, choice: Choice | None, dispatch: str, batch_size: int) -> float | None:
    """The mean total of workloads whose attempts are drawn from the recorded ones, whole answers, in seconds."""
    patient = {"kind": "restart", "name": "patient", **dict.fromkeys(("attempt_timeout", "total_timeout"))}
    fields = {**patient, "timeout": OFF} if choice is None else choice.strategy
    # Both kinds that are chosen are played ones.
    strategy = cast(Played, ADAPTER.validate_python({**fields, "dispatch": dispatch, "in_flight": batch_size}))
    rests = 0.0 if recording.rests is None else np.nan_to_num(recording.rests, nan=0.0)
    draws = FromTimes(recording.times, _SEED, rests=rests)
    batches = max(1, WORKLOAD // batch_size)
    found = simulate(strategy, draws, trials=_WORKLOADS, batches=batches, batch_size=batch_size)
    return _rounded(float(found.totals.mean()) * WORKLOAD / found.requests)


def _restart(point: Point, recording: Recording) -> Choice:
    words = f"restart what has no content after {point.timeout_s:g} s"
    strategy = {"kind": "restart", "name": "tuned_restart", "description": words, "timeout": point.timeout_s}
    return Choice(point, {**strategy, "max_retries": 10, **_limits(point.timeout_s, recording)}, words)


def _hedge(point: Point, recording: Recording) -> Choice:
    words = f"send a copy after {point.delay_s:g} s without content, and give each attempt {point.timeout_s:g} s"
    strategy = {"kind": "hedge", "name": "tuned_hedge", "description": words, "delay": point.delay_s}
    limits = _limits(point.timeout_s, recording)
    return Choice(point, {**strategy, "timeout": point.timeout_s, "max_hedges": 1, "max_retries": 10, **limits}, words)


def _limits(timeout_s: float, recording: Recording) -> dict[str, float]:
    """Room for whole attempts and requests, where the defaults leave less than twice what was recorded."""
    longest = 0.0 if recording.rests is None else float(np.max(np.nan_to_num(recording.rests)))
    needed = float(f"{2 * (timeout_s + longest):.3g}")
    if needed <= limit_of(Restart.attempt_timeout):
        return {}
    return {"attempt_timeout": needed, "total_timeout": 2 * needed}


def _choice(choice: Choice | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    return {**_point(choice.point), "strategy": choice.strategy, "words": choice.words}


def _point(point: Point) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, tuple):
            return [plain(one) for one in value]
        return _rounded(value) if isinstance(value, float) else value

    return {name: plain(value) for name, value in asdict(point).items()}


def _rounded(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
