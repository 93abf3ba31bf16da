"""Restarts and hedges by formula, against examples by hand and against brute force."""

import math

import numpy as np
import pytest

from harness.bounds import Latency, Policy, best_restart, request_time
from harness.bounds.makespan import gather_total, window_total
from harness.profiles import Profile

#: 1 s with probability 0.9, else 10 s.
TWO = Latency.of_times([1.0] * 9 + [10.0])
#: 1 s with probability 0.9, else never.
STUCK = Latency.of_times([1.0] * 9, censored=[10.0])


def test_restarting_at_the_fast_time_makes_a_geometric_number_of_attempts():
    """n attempts of 1 s with probability 0.9 x 0.1^(n - 1): 1 / 0.9 s and as many attempts."""
    request = request_time(TWO, Policy(timeout_s=1))
    assert (request.mean, request.load) == pytest.approx((1 / 0.9, 1 / 0.9))


def test_the_slower_of_two_requests_takes_the_integral():
    """The sum of 1 - (1 - 0.1^n)^2 over n: 2 / 0.9 - 1 / 0.99 s."""
    assert request_time(TWO, Policy(timeout_s=1)).expected_max(2) == pytest.approx(2 / 0.9 - 1 / 0.99)


def test_without_a_timeout_the_time_is_that_of_the_attempt():
    """One attempt, whatever it takes."""
    request = request_time(TWO, Policy())
    assert (request.survival([0.5, 1, 9, 10]).tolist(), request.load) == (pytest.approx([1, 0.1, 0.1, 0]), 1)


def test_a_pause_follows_every_attempt_but_the_last():
    """0.1 / 0.9 of them on average, each with 0.5 s."""
    request = request_time(TWO, Policy(timeout_s=1, pause_s=0.5))
    assert request.mean == pytest.approx(1 / 0.9 + 0.5 * 0.1 / 0.9)


def test_a_hedge_takes_the_first_of_its_lanes():
    """0.9 at 1 s; else a copy, 0.9 of which answer at 2 s; else the first at 10 s. One attempt in ten is copied."""
    request = request_time(TWO, Policy(delay_s=1, copies=2))
    assert (request.mean, request.load) == pytest.approx((0.9 + 0.1 * (0.9 * 2 + 0.1 * 10), 1.1))


def test_a_hedge_after_one_and_a_half_seconds_copies_what_is_late():
    """At 2.5 s rather than 2 s."""
    request = request_time(TWO, Policy(delay_s=1.5, copies=2))
    assert request.survival([1, 2.4, 2.5, 10]) == pytest.approx([0.1, 0.1, 0.01, 0])


def test_two_copies_at_once_cost_two_attempts():
    """A delay of zero sends both, and the faster wins."""
    request = request_time(TWO, Policy(delay_s=0, copies=2))
    assert (request.mean, request.load) == pytest.approx((0.99 + 0.01 * 10, 2))


def test_what_never_answers_is_expected_never():
    """Without a timeout one attempt in ten does not."""
    request = request_time(STUCK, Policy())
    assert (request.never, request.mean, request.expected_max(3)) == (pytest.approx(0.1), math.inf, math.inf)


def test_a_hedge_without_a_timeout_can_get_stuck_in_all_lanes():
    """Two copies that never answer: one request in a hundred."""
    assert request_time(STUCK, Policy(delay_s=1, copies=2)).never == pytest.approx(0.01)


def test_a_timeout_before_any_content_never_answers():
    """Every attempt is cut."""
    assert request_time(TWO, Policy(timeout_s=0.5)).never == 1


def test_an_attempt_whose_content_has_come_runs_to_its_end():
    """First content after 1 s, the answer after 5 s: a timeout of 2 s does not cut it, one for the whole does."""
    one = np.ones(1)
    latency = Latency(times=5 * one, first=one, ok=one.astype(bool), weights=one)
    assert request_time(latency, Policy(timeout_s=2)).mean == 5
    assert request_time(latency, Policy(timeout_s=2, whole=True)).never == 1


def test_an_error_is_followed_by_the_next_attempt_at_once():
    """Half of the attempts fail after 2 s, the others answer after 3 s: 3 + 2 s on average, 2 attempts."""
    latency = Latency(
        times=np.array([2.0, 3.0]),
        first=np.array([np.inf, 3.0]),
        ok=np.array([False, True]),
        weights=np.array([0.5, 0.5]),
    )
    request = request_time(latency, Policy())
    assert (request.mean, request.load) == pytest.approx((5, 2))


def test_copies_need_a_delay():
    """Without one there is no telling when."""
    with pytest.raises(ValueError, match="delay_s"):
        Policy(copies=2)


LONG = Profile.from_dict(
    {
        "name": "long",
        "headers": {"kind": "lognormal", "median": 0.5, "sigma": 0.5},
        "first_content": {"kind": "uniform", "low": 0.1, "high": 0.5},
        "between_tokens": {"kind": "uniform", "low": 0.05, "high": 0.25},
        "output_tokens": 12,
        "faults": [
            {"kind": "stall", "probability": 0.06, "duration": {"kind": "loguniform", "low": 5, "high": 30}},
            {"kind": "hang_before_headers", "probability": 0.01},
            {"kind": "silent_truncation", "probability": 0.03, "tokens": 5},
            {
                "kind": "mid_stream_stall",
                "probability": 0.04,
                "tokens": 3,
                "duration": {"kind": "uniform", "low": 3, "high": 9},
            },
            {"kind": "status_error", "probability": 0.05, "after": {"kind": "uniform", "low": 0.1, "high": 0.4}},
        ],
    }
)


def played(latency, policy, requests, seed=7):
    """Times and attempts of requests that are played one attempt after the other."""
    view = latency.whole if policy.whole else latency
    rng = np.random.default_rng(seed)
    drawn = iter(rng.choice(view.times.size, size=requests * 8, p=view.weights).tolist())
    attempts = list(zip(view.first.tolist(), view.times.tolist(), view.ok.tolist(), strict=True))

    def lane(begin):
        begins = []
        while True:
            begins.append(begin)
            first, end, ok = attempts[next(drawn)]
            if first <= policy.timeout_s:
                return begin + first, begin + end, ok, begins
            begin += min(end, policy.timeout_s)

    times, counts = [], []
    for _ in range(requests):
        begin, ok, count = 0.0, False, 0
        while not ok:
            first = lane(begin)
            lanes = [first]
            for k in range(1, policy.copies):
                # A lane that would begin after some content would change nothing.
                if begin + k * policy.delay_s < min(lanes)[0]:
                    lanes.append(lane(begin + k * policy.delay_s))
            content, end, ok, _ = min(lanes)
            count += sum(started < content for *_, begins in lanes for started in begins)
            begin = end
        times.append(begin)
        counts.append(count)
    return np.array(times), np.array(counts)


@pytest.mark.parametrize(
    "policy",
    [
        Policy(timeout_s=2.0),
        Policy(timeout_s=6.0, whole=True),
        Policy(timeout_s=6.0, delay_s=1.2, copies=2),
        Policy(timeout_s=1.5, delay_s=0.9, copies=3),
    ],
    ids=lambda policy: policy.words,
)
def test_formulas_agree_with_brute_force(policy):
    """Mean, slowest of 20 and load of 12,000 requests, each within four of its standard errors.

    Content comes long before the answer, and errors before and after it.
    """
    latency = Latency.of_profile(LONG, stream=True)
    times, counts = played(latency, policy, 12_000)
    request = request_time(latency, policy)
    slowest = times.reshape(-1, 20).max(axis=1)
    for formula, found in ((request.mean, times), (request.expected_max(20), slowest), (request.load, counts)):
        assert formula == pytest.approx(found.mean(), abs=4 * found.std() / math.sqrt(found.size))


def test_batches_follow_one_another():
    """7 requests in batches of 3: two of three and one of one."""
    request = request_time(TWO, Policy())
    assert gather_total(request, 7, 3) == pytest.approx(2 * request.expected_max(3) + request.mean)


def test_a_window_takes_the_next_request_where_one_has_ended():
    """Ten requests of 1 s, four in flight: 3 s, whatever the draws."""
    request = request_time(Latency.of_times([1.0]), Policy())
    assert window_total(request, 10, 4) == (3, 0)


def test_a_window_as_wide_as_the_workload_is_one_batch():
    """It needs no simulation, so there is no standard error."""
    request = request_time(TWO, Policy(timeout_s=1))
    assert window_total(request, 5, 8) == (request.expected_max(5), 0)


def test_the_best_restart_cuts_between_fast_and_slow():
    """At 1 s, the only time that is any use."""
    best = best_restart(TWO, 10)
    assert best is not None
    assert best.policy == Policy(timeout_s=1)


def test_the_best_restart_for_a_batch_need_not_be_the_best_on_average():
    """Two in five take 1 s, else 4 s: restarts at 1 s take 2.5 s rather than 2.8 s, but the slowest of 1,000 longer."""
    latency = Latency.of_times([1.0] * 4 + [4.0] * 6)
    best = [best_restart(latency, size) for size in (1, 1000)]
    assert [found and found.policy for found in best] == [Policy(timeout_s=1), Policy()]
