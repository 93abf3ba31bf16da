"""When requests come in the open loop: arithmetic."""

import itertools
import math
import statistics

import pytest
from pydantic import TypeAdapter, ValidationError

from harness.config import compose
from harness.runner import open_folder, run
from harness.workload import Workload, arrivals
from harness.workload.arrivals import AnyArrivals, Constant, Poisson, Ramp

ARRIVALS = TypeAdapter(AnyArrivals)


def gaps(instants: list[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(instants)]


def test_a_constant_rate_is_evenly_spaced():
    """The first at 0, the others one over the rate apart, on the nanosecond."""
    assert list(Constant(rate=8).instants(0, 5)) == [0.0, 0.125, 0.25, 0.375, 0.5]
    assert list(Constant(rate=3).instants(0, 3)) == [0.0, 0.333333333, 0.666666667]


@pytest.mark.parametrize(("rate", "duration_s", "count"), [(10, 60, 600), (0.1, 30, 3), (0.1, 31, 4), (7, 0.01, 1)])
def test_a_duration_holds_what_begins_within_it(rate, duration_s, count):
    """The request that would begin at its very end is not within it; the one at 0 always is."""
    constant = Constant(rate=rate)
    assert constant.within(duration_s) == count
    assert list(constant.instants(0, count))[-1] < duration_s <= count / rate + 1e-9


def test_poisson_arrivals_come_at_their_rate():
    """Gaps have the mean and the spread of an exponential distribution, within four standard errors."""
    found = gaps(list(Poisson(rate=20).instants(7, 20_001)))
    assert statistics.mean(found) == pytest.approx(1 / 20, rel=4 / math.sqrt(20_000))
    assert statistics.stdev(found) == pytest.approx(1 / 20, rel=0.05)
    assert min(found) >= 0


def test_poisson_arrivals_follow_the_seed_alone():
    """Equal for every strategy of a trial, other ones in the next, and twice as dense at twice the rate."""
    one = list(Poisson(rate=1).instants(3, 50))
    assert one == list(Poisson(rate=1).instants(3, 50))
    assert one != list(Poisson(rate=1).instants(4, 50))
    assert list(Poisson(rate=2).instants(3, 50)) == pytest.approx([at / 2 for at in one], abs=1e-9)


def test_poisson_arrivals_of_a_duration_fill_it_with_as_many_as_are_expected():
    """Whatever the seed, so that every trial offers the same load; they begin at 0 and end before its end."""
    arrivals = Poisson(rate=5)
    count = arrivals.within(20)
    assert count == 100
    for seed in range(20):
        found = list(arrivals.instants(seed, count, 20))
        assert (len(found), found[0]) == (100, 0.0)
        assert found == sorted(found)
        assert 15 < found[-1] < 20


def test_a_ramp_climbs_evenly():
    """From 0 to 10 a second over 4 s: 20 requests on the ramp, as many in its last 1.2 s as in its first 2.6."""
    ramp = Ramp(rate=10, over_s=4, even=True)
    assert ramp.within(4) == 20
    assert ramp.within(6) == 40
    found = list(ramp.instants(0, 40))
    assert found[20:] == pytest.approx([4 + i / 10 for i in range(20)])
    assert found[5] == pytest.approx(2.0)
    assert gaps(found)[:20] == sorted(gaps(found)[:20], reverse=True)


@pytest.mark.parametrize(("start", "rate"), [(0, 10), (10, 1), (5, 5), (1e-6, 1000)])
def test_a_ramp_has_its_requests_when_they_are_due(start, rate):
    """`instant` is the inverse of `expected`, up, down and level."""
    ramp = Ramp(start=start, rate=rate, over_s=30)
    for due in (0.0, 0.5, 10.0, 150.0, 1e5):
        assert ramp.expected(ramp.instant(due)) == pytest.approx(due, abs=1e-9)


def test_a_ramp_by_chance_keeps_to_its_rates():
    """A quarter of the requests comes in the first half of a ramp from 0."""
    found = list(Ramp(rate=100, over_s=100).instants(1, 5000, 100))
    assert sum(at < 50 for at in found) == pytest.approx(1250, abs=4 * math.sqrt(1250))


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "constant", "rate": 0}, {"kind": "poisson", "rate": -1}, {"kind": "poisson"},
        {"kind": "ramp", "rate": 5}, {"kind": "ramp", "rate": 0, "over_s": 5}, {"kind": "trace"},
        {"kind": "trace", "file": "t.csv", "speed": 0}, {"kind": "poisson", "rate": float("inf")}, {"kind": "burst"},
    ],
)  # fmt: skip
def test_impossible_arrivals_are_refused(bad):
    """Requests that never come would never end."""
    with pytest.raises(ValidationError):
        ARRIVALS.validate_python(bad)


def test_a_workload_counts_what_comes_within_its_duration():
    """Otherwise it has batches x batch size, however they come."""
    assert len(Workload(batches=3, batch_size=4, arrivals=Poisson(rate=2))) == 12
    assert len(Workload(batches=3, batch_size=4, arrivals=Poisson(rate=2), duration_s=30)) == 60


def test_a_million_requests_take_no_room():
    """They are made when they are looked at."""
    workload = Workload(batches=1000, batch_size=1000)
    assert len(workload.requests) == 1_000_000
    assert workload.requests[-1].index == 999_999
    assert [len(part) for part in workload.slices(400_000)] == [400_000, 400_000, 200_000]


def test_what_takes_long_of_arrivals_is_done_beforehand(monkeypatch):
    """Within a loop nobody would hear Ctrl-C for as long."""
    workload = Workload(arrivals=Poisson(rate=10.0), duration_s=100.0)
    drawn, draw = [], arrivals._gaps
    monkeypatch.setattr(arrivals, "_gaps", lambda seed, count: drawn.append(seed) or draw(seed, count))
    workload.prepare(1_234_567)
    assert drawn == [1_234_567] * 2
    drawn.clear()
    assert len(list(workload.instants(1_234_567))) == 1_000
    assert len(drawn) == 1


def test_ctrl_c_is_heard_before_a_trial_begins(monkeypatch, tmp_path):
    """While its arrivals are prepared."""

    def interrupt(workload, seed):
        raise KeyboardInterrupt

    monkeypatch.setattr(Workload, "prepare", interrupt)
    experiment = compose(None, ["workload=poisson", "engine=local", f"out={tmp_path / 'run'}"])
    assert run(experiment, open_folder(experiment)).interrupted
