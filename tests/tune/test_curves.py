"""Expected makespans and loads, by hand, against virtual time, and their coverage."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from harness.bounds import Latency
from harness.profiles import Profile
from harness.tune import Recording
from harness.tune.curves import Curves

ROOT = Path(__file__).parents[2]


def recording(times, *, batch: int = 100, limit_s: float = 600.0) -> Recording:
    times = np.array(times, dtype=float)
    return Recording("made", times, {"batch": np.arange(times.size) // batch}, limit_s)


#: Nine in ten answer after a second, the others never.
SIMPLE = recording([1.0] * 900 + [np.inf] * 100)


def test_a_restart_by_hand():
    """1 s, and 2 s more for each round that came to nothing: 1 + 2 (0.1 / 0.9), for 1 / 0.9 attempts."""
    point = Curves(SIMPLE, 1).restart(2.0)
    assert point.makespan_s == pytest.approx(1 + 2 * 0.1 / 0.9, rel=1e-6)
    assert point.load == pytest.approx(1 / 0.9)


def test_a_batch_waits_for_its_slowest():
    """Of two requests, the sum over rounds of 2 s (1 - (1 - 0.1^j)^2) beyond the first second."""
    point = Curves(SIMPLE, 2).restart(2.0)
    assert point.makespan_s == pytest.approx(1 + sum(2 * (1 - (1 - 0.1**j) ** 2) for j in range(1, 20)), rel=1e-6)


def test_a_hedge_by_hand():
    """E = 0.9 x 1 + 0.09 x 3 + 0.01 (6 + E); a copy is sent by one in ten, and one round in a hundred is lost."""
    point = Curves(SIMPLE, 1).hedge(2.0, 4.0)
    assert point.makespan_s == pytest.approx((0.9 + 0.27 + 0.06) / 0.99, rel=1e-6)
    assert point.load == pytest.approx(1.1 / 0.99)


def test_what_never_answers_in_time_never_ends():
    """A timeout below every time."""
    assert Curves(recording([2.0] * 100), 10).restart(1.0).makespan_s == np.inf


def drawn(name: str, n: int, seed: int) -> Recording:
    """Attempts of a profile, as a client without a timeout of its own would record them."""
    latency = first_contents(name)
    places = np.searchsorted(np.cumsum(latency.weights), np.random.default_rng(seed).random(n))
    times = latency.first[np.minimum(places, latency.first.size - 1)]
    return recording(np.where(times < 600, times, np.inf))


def first_contents(name: str) -> Latency:
    profile = Profile.from_dict(yaml.safe_load((ROOT / "conf" / "profile" / f"{name}.yaml").read_text()))
    found = Latency.of_profile(profile, stream=True)
    return Latency(times=found.first, first=found.first, ok=np.isfinite(found.first), weights=found.weights)


def test_the_formulas_say_what_virtual_time_measured():
    """A long recording of the article's server against the published totals of ten batches."""
    curves = Curves(drawn("article", 100_000, 3), 100)
    summary = json.loads((ROOT / "experiments" / "headroom" / "results" / "summary.json").read_text())
    measured = {cell["cell"]: cell for cell in summary["cells"]}
    for point, name in (
        (curves.restart(2.0), "restart_2,dispatch=gather"),
        (curves.hedge(2.0, 10.0), "hedge_2,dispatch=gather"),
    ):
        low, high = measured[name]["total_s"]["ci95"]
        assert low <= 10 * point.makespan_s <= high
        assert point.load == pytest.approx(measured[name]["load"], abs=0.002)
