"""How many requests a second the simulation plays on one core.

    pytest tests/benchmarks/test_simulation_speed.py -m bench --benchmark-enable

The article's profile in trials of 1,000 requests, 100 at a time; virtual time plays about 500 of them a second.
"""

from __future__ import annotations

import time

import pytest

from harness.config import compose
from harness.simulation import FromProfile, simulate
from tests.benchmarks import figures

pytestmark = pytest.mark.bench

TRIALS, TARGET = 4_000, 10_000_000


@pytest.mark.parametrize("dispatch", ["gather", "window"])
@pytest.mark.parametrize("name", ["restart_2", "hedge_2"])
def test_simulated_requests_a_second(benchmark, capsys, name, dispatch):
    """CPU time, so that what else the machine does counts less; the median of nine rounds."""
    cell = compose(None, [f"strategy={name}", f"strategy.dispatch={dispatch}"]).cells[0]
    rates = []

    def once() -> None:
        draws = FromProfile(cell.profile, 1)
        before = time.process_time()
        found = simulate(cell.strategy, draws, trials=TRIALS)
        rates.append(TRIALS * found.requests / (time.process_time() - before))

    benchmark.pedantic(once, rounds=9, warmup_rounds=1)
    median = sorted(rates[1:])[4]
    assert median > 0
    figures.add(benchmark, "simulation", [{"strategy": name, "dispatch": dispatch, "requests_per_s": median}])
    with capsys.disabled():
        print(f"\n{name}, {dispatch}: {median / 1e6:.1f} M requests/s (target {TARGET / 1e6:.0f} M)")
