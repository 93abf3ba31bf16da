"""What the live view counts, and what it calls a stall."""

from __future__ import annotations

import pytest

from harness.cli.live.plan import plan_of
from harness.cli.live.stalls import FACTOR, FEWEST, Median, stalled
from harness.cli.live.state import State
from harness.records import Attempt
from tests.cli.live_runs import ended, plan


def test_a_request_that_was_recorded_twice_is_done_once():
    """A resumed run in real time plays broken batches again; the later record counts."""
    state = State(plan(), now=0.0)
    state.finished(ended(request=3, outcome="timeout"), now=1.0)
    assert (state.done, state.failed) == (1, 1)
    state.finished(ended(request=3), now=2.0)
    assert (state.done, state.failed, state.cells["a"].done) == (1, 0, 1)


def test_a_trial_is_whole_when_its_last_request_has_ended():
    """Whatever the order."""
    state = State(plan(requests=3), now=0.0)
    for request in (2, 0):
        state.finished(ended(request=request), now=1.0)
    assert state.cells["a"].whole == 0
    state.finished(ended(request=1), now=1.0)
    assert state.cells["a"].whole == 1


def test_the_batch_in_flight_fills():
    """Its seconds are those of the run's own clock: from the release to the latest end."""
    state = State(plan(), now=0.0)
    state.batch_started(cell="a", trial=0, batch=1, now=0.0)
    assert (state.batch.done, state.batch.size, state.batch_s(9.0)) == (0, 5, 0.0)
    state.finished(ended(request=5, start=100.0, took=2.0), now=1.0)
    state.finished(ended(request=6, start=100.0, took=0.5), now=1.0)
    assert (state.batch.number, state.batch.done, state.batch_s(9.0)) == (1, 2, 2.0)


def test_in_real_time_the_batch_gets_older_while_nothing_arrives():
    """Until it is full."""
    state = State(plan(clock="real"), now=0.0)
    state.batch_started(cell="a", trial=0, batch=0, now=10.0)
    for request in range(4):
        state.finished(ended(request=request), now=11.0)
    assert state.batch_s(610.0) == 600.0
    state.finished(ended(request=4, took=601.0), now=611.0)
    assert state.batch_s(900.0) == 601.0


def test_a_batch_that_nobody_announced_began_as_long_ago_as_its_first_request_took():
    """As when another process plays the run."""
    state = State(plan(clock="real"), now=0.0)
    state.finished(ended(took=4.0), now=50.0)
    assert state.batch_s(56.0) == 10.0
    assert not state.batch.announced


def test_a_last_batch_may_be_shorter():
    """Seven requests in batches of five."""
    state = State(plan(requests=7), now=0.0)
    state.finished(ended(request=6), now=1.0)
    assert (state.batch.size, state.batch.cell.plan.batches) == (2, 2)


def test_the_slowest_requests_are_kept_in_order():
    """Five of them, and each once."""
    state = State(plan(), now=0.0)
    for request, took in enumerate([3.0, 9.0, 1.0, 7.0, 5.0, 4.0, 8.0]):
        state.finished(ended(request=request, took=took), now=1.0)
    state.finished(ended(request=1, took=6.0), now=1.0)
    assert [(one.request, one.latency_s) for one in state.slowest] == [(6, 8.0), (3, 7.0), (1, 6.0), (4, 5.0), (5, 4.0)]


def test_the_time_left_follows_from_the_pace_since_the_beginning():
    """What was on disk before counts as done, not as fast."""
    state = State(plan(), now=0.0)
    for request in range(10):
        state.recall(ended(request=request), now=0.0)
    assert state.left_s(5.0) is None
    for request in range(5):
        state.finished(ended(request=request, trial=1), now=10.0)
    assert (state.pace(10.0), state.left_s(10.0)) == (0.5, 10.0)


def test_a_cell_that_the_plan_does_not_name_is_passed_over():
    """Rather than ending whoever watches."""
    state = State(plan(), now=0.0)
    state.finished(ended("unheard"), now=1.0)
    assert state.done == 0


def test_the_plan_follows_from_the_manifest():
    """What is not gathered is one batch; seeds tell the number of trials, else the settings do."""
    about = {"cell": "a", "requests_per_trial": 10, "batch_size": 5}
    window = {"cell": "b", "requests_per_trial": 10, "batch_size": 5, "strategy": {"dispatch": "window"}}
    manifest = {"experiment": "made", "clock": "real", "seeds": [7, 8, 9], "cells": [about, window]}
    found = plan_of(manifest)
    assert (found.trials, found.requests, [cell.batches for cell in found.cells]) == (3, 60, [2, 1])
    assert plan_of(manifest | {"seeds": []}, {"trials": 4}).trials == 4
    assert plan_of(manifest | {"seeds": []}, {"trials": "auto"}).trials == 1


def test_the_median_is_known_to_two_per_cent():
    """Of any number of times, without keeping them."""
    median = Median()
    for number in range(1, 1001):
        median.add(number / 100)
    assert median.value == pytest.approx(5.0, rel=0.03)


def test_few_requests_make_no_median():
    """The first to end are the fast ones."""
    median = Median()
    for _ in range(FEWEST - 1):
        median.add(1.0)
    assert median.value is None
    median.add(1.0)
    assert median.value == pytest.approx(1.0, rel=0.02)


def _raced(first: str, *, gave_up: float, copy_at: float):
    attempts = (
        Attempt(1, "first", first, send_s=0.0, end_s=gave_up),
        Attempt(2, "hedge", "ok", send_s=copy_at, end_s=gave_up),
    )
    return ended(took=gave_up, attempts=attempts, winner=2)


@pytest.mark.parametrize(
    ("outcome", "median", "expected"),
    [
        (ended(took=1.0), 1.0, False),
        (ended(took=FACTOR - 0.1), 1.0, False),
        (ended(took=FACTOR + 0.1), 1.0, True),
        (ended(took=600.0), None, False),
        (_raced("timeout", gave_up=3.0, copy_at=3.0), 1.0, True),
        (_raced("timeout", gave_up=3.0, copy_at=3.0), None, True),
        (_raced("timeout", gave_up=0.5, copy_at=0.5), 1.0, False),
        (_raced("cancelled", gave_up=2.5, copy_at=2.0), 1.0, True),
        (_raced("cancelled", gave_up=2.5, copy_at=0.0), 1.0, False),
        (_raced("cancelled", gave_up=0.9, copy_at=0.5), 1.0, False),
        (ended(attempts=()), 1.0, False),
    ],
    ids=[
        "healthy", "just below", "just above", "no median yet", "timeout", "timeout before a median",
        "a timeout below the median", "hedged", "two copies at once", "a hasty copy", "no attempt",
    ],
)  # fmt: skip
def test_a_stall_is_silence_longer_than_it_should_be(outcome, median, expected):
    """A first attempt given up after more than the median, or five medians."""
    assert stalled(outcome, median) is expected
