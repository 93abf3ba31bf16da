"""Whether times can be measured here: the clock's step, its steadiness, and the event loop's punctuality."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from harness.doctor.base import Finding

#: Seconds that the event loop is watched; steps and drifts from which times in milliseconds are in doubt.
WATCH_S, STEP_S, DRIFT_S = 0.5, 0.001, 0.005


def resolution() -> Finding:
    """The smallest step that the clock is seen to make."""
    step = min(_step() for _ in range(5))
    return judge_resolution(step)


def judge_resolution(step_s: float) -> Finding:
    """Whether a clock with such steps can tell milliseconds apart."""
    found = f"steps of {step_s * 1e6:.2g} us" if step_s < STEP_S else f"steps of {step_s * 1e3:.2g} ms"
    if step_s < STEP_S:
        return Finding("clock", "ok", found)
    return Finding("clock", "warn", found, "times below that are rounded; compare seconds, not milliseconds")


def punctuality() -> tuple[Finding, Finding]:
    """The event loop and the clock of the day, watched together for half a second."""
    from harness.runner.lag import LoopLag

    lag = LoopLag()

    async def wait() -> None:
        await asyncio.sleep(WATCH_S)

    wall, steady = time.time(), time.monotonic()
    asyncio.run(lag.around(wait))
    drift = (time.time() - wall) - (time.monotonic() - steady)
    return judge_lag(lag.timing()), judge_drift(drift)


def judge_lag(timing: Mapping[str, Any] | None) -> Finding:
    """How late timers fire."""
    if timing is None:
        return Finding("event loop", "warn", "no timer fired in half a second", "the machine is busy; try again")
    found = (
        f"timers {timing['p50_s'] * 1000:.1f} ms late, at most {timing['max_s'] * 1000:.1f} ms "
        f"(limit {timing['limit_s'] * 1000:.0f} ms)"
    )
    if timing["late"]:
        return Finding("event loop", "warn", found, "stop what else is running before you measure with clock=real")
    return Finding("event loop", "ok", found)


def judge_drift(seconds: float) -> Finding:
    """Whether the clock of the day runs as the steady one does."""
    found = f"{abs(seconds) * 1000:.2f} ms apart from the steady one after {WATCH_S:g} s"
    if abs(seconds) < DRIFT_S:
        return Finding("wall clock", "ok", found)
    return Finding("wall clock", "warn", found, "somebody sets the clock; times are safe, their date is not")


def _step() -> float:
    begun = time.perf_counter()
    while (now := time.perf_counter()) == begun:
        pass
    return now - begun
