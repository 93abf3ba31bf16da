"""A long run takes hardly more memory than a short one: what has ended is on disk, and is held nowhere else."""

from __future__ import annotations

import gc
import pickle
import tracemalloc

import pytest

from harness.attempts import Play
from harness.records import Request
from harness.runner import Silent, targets
from harness.runner.packed import GROUP, Packed
from harness.runner.recorded import Recorded
from harness.runner.tasks import play_task
from tests.folders import outcome
from tests.runner.conftest import outcomes

WINDOW = ("strategy=single_loop", "strategy.dispatch=window", "strategy.in_flight=5", "trials=1", "engine=local")
BATCHES = ("strategy=single_loop", "trials=1", "engine=local")


class Counts(Silent):
    """Counts how many plays, and requests of the workload, are alive after each request."""

    def __init__(self) -> None:
        self.most = {Play: 0, Request: 0}
        self._ended = 0

    def finished(self, outcome) -> None:
        self._ended += 1
        if not self._ended % 50:
            gc.collect()
            alive = [type(one) for one in gc.get_objects() if isinstance(one, (Play, Request))]
            for kind in self.most:
                self.most[kind] = max(self.most[kind], alive.count(kind))


@pytest.mark.parametrize("dispatch", [WINDOW, BATCHES])
def test_only_what_is_under_way_is_held(play, dispatch):
    """Not the plays of all requests, nor the requests that are still to come."""
    counts = Counts()
    result, folder = play(*dispatch, "workload.batches=60", name=None, listener=counts)
    assert (result.exit_code, len(outcomes(folder))) == (0, 300)
    assert 0 < counts.most[Play] <= 10
    assert counts.most[Request] <= 10


class Held(Silent):
    """Notes what Python holds after some of the requests."""

    def __init__(self, *numbers: int) -> None:
        self.bytes: list[int] = []
        self._numbers, self._ended = numbers, 0

    def finished(self, outcome) -> None:
        self._ended += 1
        if self._ended in self._numbers:
            gc.collect()
            self.bytes.append(tracemalloc.get_traced_memory()[0])


@pytest.mark.parametrize("dispatch", [WINDOW, BATCHES])
def test_memory_does_not_grow_with_the_requests(play, dispatch, monkeypatch):
    """Client and mock together hold a few hundred bytes for a request that has ended: that there was one."""
    monkeypatch.setattr(targets, "LOG_LINES", 50)
    held = Held(150, 450)
    tracemalloc.start()
    try:
        play(*dispatch, "workload.batches=91", name=None, listener=held)
    finally:
        tracemalloc.stop()
    assert len(held.bytes) == 2
    assert held.bytes[1] - held.bytes[0] < 500 * 300


def test_a_task_is_handed_over_in_few_bytes(small):
    """What another process has played survives pickling, in the order recorded, and is small."""
    experiment = small("workload.batches=200", "trials=1", "strategy=single_loop", name=None)
    from harness.runner.core import tasks_left

    (task,) = tasks_left(experiment, Recorded(), 1)
    played = play_task(experiment, task)
    sent = pickle.dumps(played)
    found = list(pickle.loads(sent).outcomes)
    assert found == list(played.outcomes)
    assert len({one.request for one in found}) == len(found) == 1000
    assert len(sent) < 100 * 1000


@pytest.mark.parametrize("count", [0, 1, GROUP - 1, GROUP, 2 * GROUP + 1])
def test_what_is_packed_comes_out_in_order(count):
    """Whether a group is full or not, and as often as it is asked for."""
    packed, these = Packed(), [outcome("c", 0, 0, n, 0.0, 1.0) for n in range(count)]
    for one in these:
        packed.append(one)
    assert list(packed) == list(packed) == these


def test_what_is_on_disk_is_known_by_a_digest():
    """That a request has a record, whether it failed by the latest one, and whether another outcome is the same."""
    ok, failed = outcome("c", 0, 0, 5, 0.0, 1.0), outcome("c", 0, 0, 5, 0.0, 1.0, outcome="timeout")
    other = outcome("d", 3, 0, 0, 0.0, 1.0)
    known = Recorded([failed, other])
    assert (len(known), known.failed) == (2, 1)
    assert ("c", 0, 5) in known
    assert not any(key in known for key in (("c", 0, 4), ("c", 0, 6), ("c", 1, 5), ("d", 0, 0)))
    assert known.same(failed)
    assert not known.same(ok)
    known.add(ok)
    assert (len(known), known.failed) == (2, 0)
    assert known.same(ok)
    assert not known.same(outcome("c", 0, 0, 5, 0.0, 1.0 + 1e-9))


def test_a_million_records_are_known_in_eight_megabytes():
    """Whatever else an outcome holds."""
    known = Recorded()
    tracemalloc.start()
    for number in range(0, 1_000_000, 100):
        known.add(outcome("c", 0, 0, number, 0.0, 1.0))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(known) == 10_000
    assert held < 20_000_000
