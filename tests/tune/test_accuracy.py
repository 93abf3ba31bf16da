"""How near to the truth: recordings of 1,000 and of 10,000 attempts against what fresh seeds give.

    pytest tests/tune/test_accuracy.py -m soak -s

prints the figures of docs/tune.md; CI plays a part of it. The truth of restarts is the exact expectation, that of
hedges a long simulation; tests hold both equal to virtual time.
"""

from functools import cache

import numpy as np
import pytest

from harness.bounds import Policy, request_time
from harness.config import compose
from harness.simulation import FromProfile, simulate
from harness.strategies import ADAPTER
from harness.tune import advise
from harness.tune.curves import Curves
from tests.tune.test_curves import drawn, first_contents

PROFILES = ["article", "incident", "gpt_4o", "calm", "claude_opus_4_6"]
TIMEOUTS, HEDGES = (2, 5, 10, 20, 60), ((2, 10), (5, 20))
#: Without a fallback of any kind, as the formulas assume.
OPEN = {"attempt_timeout": None, "total_timeout": None, "idle_timeout": None, "max_retries": 200}


@cache
def truth(name: str, delay: float | None, timeout: float) -> float:
    """Expected seconds until all of a batch of 100 have their first content."""
    if delay is None:
        return request_time(first_contents(name), Policy(timeout_s=timeout)).expected_max(100)
    profile = compose(None, [f"profile={name}", "profile.output_tokens=1"]).cells[0].profile
    fields = {"name": "s", "kind": "hedge", "delay": delay, "timeout": timeout, **OPEN}
    found = simulate(ADAPTER.validate_python(fields), FromProfile(profile, 77), trials=30_000, batches=1)
    return float(found.totals.mean())


class Errors:
    """What many recordings of one profile were wrong by."""

    def __init__(self, name: str, attempts: int, recordings: int) -> None:
        self.recordings = recordings
        settings = [*((None, t) for t in TIMEOUTS), *HEDGES]
        self.covered = dict.fromkeys(settings, 0)
        self.errors: dict[tuple[float | None, float], list[float]] = {setting: [] for setting in settings}
        for seed in range(recordings):
            curves = Curves(drawn(name, attempts, seed), 100)
            for delay, timeout in settings:
                point = curves.restart(timeout) if delay is None else curves.hedge(delay, timeout)
                real, (low, high) = truth(name, delay, timeout), point.makespan_ci95
                self.covered[delay, timeout] += low <= real * 1.0001 and real <= high * 1.0001
                self.errors[delay, timeout].append(abs(point.makespan_s / real - 1))

    def shares(self) -> dict[str, float]:
        """Of recordings whose interval holds the truth."""
        return {_words(*setting): number / self.recordings for setting, number in self.covered.items()}

    def medians(self) -> dict[str, float]:
        """Median relative errors."""
        return {_words(*setting): round(float(np.median(found)), 4) for setting, found in self.errors.items()}


def _words(delay: float | None, timeout: float) -> str:
    return f"restart {timeout}" if delay is None else f"hedge {delay}"


def costs(name: str, attempts: int, recordings: int) -> list[float]:
    """How much more a batch takes with the timeout that is chosen than with the best."""
    latency = first_contents(name)

    def seconds(timeout: float) -> float:
        return request_time(latency, Policy(timeout_s=timeout)).expected_max(100)

    best = min(seconds(float(t)) for t in np.geomspace(0.2, 60, 150))
    # Nothing chosen can be better than the best, but for the steps between those tried.
    chosen = [advise(drawn(name, attempts, seed), most_load=10).restart for seed in range(recordings)]
    found = [seconds(choice.point.timeout_s) / best - 1 for choice in chosen if choice is not None]
    assert min(found) > -0.01
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["article", "claude_opus_4_6"])
def test_intervals_hold_the_truth_and_choices_cost_little(name):
    """100 recordings of two of the profiles; 93 %, less what chance may take of a hundred."""
    found = Errors(name, 1_000, 100)
    assert all(share >= 0.88 for share in found.shares().values()), found.shares()
    assert np.mean(list(found.shares().values())) >= 0.93, found.shares()
    assert all(found.medians()[f"restart {t}"] <= 0.1 for t in (2, 5, 10))
    assert np.median(costs(name, 1_000, 10)) <= 0.05


@pytest.mark.soak
@pytest.mark.parametrize("name", PROFILES)
def test_two_hundred_recordings(name):
    """Coverage of 93 % at each timeout and delay, errors up to 10 s, choices; with ten times the recording less."""
    found, more = Errors(name, 1_000, 200), Errors(name, 10_000, 100)
    cost, less = (float(np.median(costs(name, n, 40))) for n in (1_000, 10_000))
    print(f"\n{name}: held {found.shares()}\n  errors {found.medians()}\n  ten times {more.medians()}")
    print(f"  ten times held {more.shares()}\n  chosen costs {cost:.3%} more than the best, {less:.3%} with ten times")
    assert all(share >= 0.93 for share in found.shares().values())
    assert all(found.medians()[f"restart {t}"] <= 0.1 for t in (2, 5, 10))
    assert cost <= 0.05
    # By the square root of ten, 0.32, where the error is one of sampling at all.
    ratios = [more.medians()[name] / error for name, error in found.medians().items() if error > 0.01]
    assert ratios
    assert np.mean(ratios) <= 0.5
