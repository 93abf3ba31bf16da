"""Estimators, against what can be worked out by hand or by many draws."""

import math
import random

import pytest

from harness.strategies.learning import (
    BodyAndTail,
    Recent,
    RecentQuantile,
    RoundTrip,
    Survival,
    Tracker,
    best_restart,
    luby,
)
from tests.strategies.conftest import plan, seen, strategy

FIRST = seen()
RETRY = seen(0.0, 2, "retry", 1)


def test_lubys_sequence():
    """Its first fifteen terms."""
    assert [luby(i) for i in range(1, 16)] == [1, 1, 2, 1, 1, 2, 4, 1, 1, 2, 1, 1, 2, 4, 8]


def test_recent_forgets_the_oldest():
    """A server that became faster is believed."""
    recent = Recent(keep=10)
    for seconds in [9.0] * 10 + [1.0] * 10:
        recent.add(seconds)
    assert (len(recent), recent.quantile(1.0)) == (10, 1.0)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 5.0), (0.95, 10.0), (0.1, 1.0), (0.11, 2.0)])
def test_quantiles_by_the_nearest_rank(share, expected):
    """Of 1 to 10."""
    recent = Recent()
    for seconds in range(10, 0, -1):
        recent.add(float(seconds))
    assert recent.quantile(share) == expected


def test_a_quantile_is_unknown_during_the_warm_up():
    """And those that wait are woken when it is over, once."""
    learner = RecentQuantile(0.5, warm_up=3)
    woken = [learner.observe(FIRST, seconds, answered=True) for seconds in (1.0, 2.0, 3.0, 4.0)]
    assert (woken, learner.seconds) == ([False, False, True, False], 2.0)


def test_round_trips_as_in_the_rfc():
    """RFC 6298 by hand: R = 1, 2 gives RTTVAR = 0.625, SRTT = 1.125, RTO = 3.625 s."""
    learner = RoundTrip(warm_up=2)
    for seconds in (1.0, 2.0):
        learner.observe(FIRST, seconds, answered=True)
    assert learner.seconds == 1.125 + 4 * (0.5 + (1.0 - 0.5) / 4)


def test_karns_rule():
    """A retry is no sample, and a timeout doubles the limit until a first attempt is answered."""
    learner = RoundTrip(warm_up=1)
    learner.observe(FIRST, 1.0, answered=True)
    before = learner.seconds
    learner.observe(RETRY, 50.0, answered=True)
    assert learner.seconds == before
    learner.observe(FIRST, 9.0, answered=False)
    assert learner.seconds == 2 * before
    learner.observe(FIRST, 1.0, answered=True)
    assert learner.seconds < before


@pytest.mark.parametrize("start", [0.2, 50.0])
def test_the_tracker_is_not_fooled_by_what_it_cuts_off(start):
    """Attempts are given up at twice the tracked time, yet it settles at the 90th percentile of all, which is 9 s."""
    dice, tracker = random.Random(1), Tracker(start, 0.9, eta=0.02)
    settled = []
    for number in range(20_000):
        seconds = dice.uniform(0.0, 10.0)
        limit = 2 * tracker.seconds
        tracker.observe(min(seconds, limit), answered=seconds <= limit)
        if number > 5_000:
            settled.append(tracker.seconds)
    assert sum(settled) / len(settled) == pytest.approx(9.0, rel=0.03)


def test_a_quantile_of_answers_alone_is_fooled():
    """The reason for the tracker: giving up at the estimate itself drives it down."""
    dice, learner = random.Random(1), RecentQuantile(0.9, warm_up=20)
    for _ in range(5_000):
        seconds = dice.uniform(0.0, 10.0)
        limit = learner.seconds or math.inf
        learner.observe(FIRST, min(seconds, limit), answered=seconds <= limit)
    assert learner.seconds < 5.0


def test_the_best_restart_of_two_speeds():
    """Half at once 1 s, half 100 s: on average 1 s in, 2 expected; waiting costs 50.5 s."""
    seen_times = [(1.0, True)] * 50 + [(100.0, True)] * 50
    assert best_restart(seen_times, "mean", 1) == 1.0


def test_waiting_is_best_where_all_are_alike():
    """Nothing is gained by restarting what is about to answer."""
    assert best_restart([(1.0 + i / 100, True) for i in range(100)], "makespan", 100) == pytest.approx(1.99)


def test_censored_attempts_count_as_longer():
    """Of ten at 1 s and ten that were given up at 1 s nothing longer is known: 1 s is the best that can be said."""
    assert best_restart([(1.0, True)] * 10 + [(1.0, False)] * 10, "mean", 1) == 1.0


def test_without_an_answer_there_is_no_best():
    """Nothing is made up."""
    assert best_restart([(1.0, False)] * 10, "mean", 1) is None


def test_the_optimum_is_looked_for_now_and_then():
    """After the warm-up, and after every so many more."""
    learner = Survival("mean", requests=1, warm_up=4, every=10)
    woken = [learner.observe(FIRST, 1.0, answered=True) for _ in range(20)]
    assert [i for i, wakes in enumerate(woken) if wakes] == [3]
    assert learner.seconds == 1.0


def test_a_lonely_client_warms_up_too():
    """One request at a time: the median of twenty answers is their median."""
    learner = BodyAndTail(tail=0.04, factor=2.5, warm_up=20)
    for i in range(20):
        learner.began()
        learner.observe(FIRST, 1.0 + i, answered=True)
    assert learner.median_s == 10.0


@pytest.mark.parametrize("kind", ["quantile_timeout", "rto", "tracked_timeout", "optimal"])
def test_learnt_timeouts_begin_with_the_given_one(kind):
    """And never exceed it later."""
    one = strategy(kind, timeout=10)
    memory = one.memory()
    if kind != "tracked_timeout":
        assert plan(one, seen(0.0), memory=memory).give_up[0].at_s == 10.0
    for _ in range(200):
        memory.heard(seen(0.0, first_content_s=60.0))
    assert plan(one, seen(0.0), memory=memory).give_up[0].at_s <= 10.0


@pytest.mark.parametrize("kind", ["quantile_timeout", "rto", "tracked_timeout", "optimal"])
def test_learnt_timeouts_come_down(kind):
    """Where all answer within a second, nobody waits for ten."""
    one = strategy(kind, timeout=10)
    memory = one.memory()
    dice = random.Random(2)
    for _ in range(1000):
        memory.heard(seen(0.0, first_content_s=dice.uniform(0.5, 1.0)))
    assert 0.9 <= plan(one, seen(0.0), memory=memory).give_up[0].at_s <= 2.0
