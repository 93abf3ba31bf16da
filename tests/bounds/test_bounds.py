"""What stands beside a measured total, against the published profile's known headroom."""

import json
from pathlib import Path

import pytest
import yaml

from harness.bounds import Latency, Policy, bounds, bounds_of, request_time
from harness.bounds.makespan import gather_total, window_total
from harness.errors import UserError
from harness.profiles import Profile

ARTICLE = Profile.from_dict(yaml.safe_load((Path(__file__).parents[2] / "conf/profile/article.yaml").read_text()))
LATENCY = Latency.of_profile(ARTICLE, stream=True)
#: The known restarts are those of the SDK, which waits 0.5 s times U(0.75, 1) before its second attempt; that its wait
#: is random, and grows, makes the slowest of a batch of the shortest timeout 0.05 s slower still.
PAUSE_S = 0.4375
HEDGE = {"timeout_s": 10, "copies": 3}


@pytest.mark.parametrize(
    ("policy", "seconds", "load"),
    [
        (Policy(timeout_s=10, pause_s=PAUSE_S), 98, 1.014),
        (Policy(timeout_s=3, pause_s=PAUSE_S), 42.5, 1.017),
        (Policy(timeout_s=2, pause_s=PAUSE_S), 38, 1.031),
        (Policy(delay_s=2, **HEDGE), 30, 1.044),
        (Policy(delay_s=1.5, **HEDGE), 26, 1.112),
        (Policy(timeout_s=600, pause_s=PAUSE_S), 797, 1.001),
    ],
    ids=lambda value: value.words if isinstance(value, Policy) else "",
)
def test_batches_of_the_article_take_what_is_known(policy, seconds, load):
    """Ten batches of 100, from simulated seeds, within 3 %; 4 % where the SDK's waits matter most."""
    request = request_time(LATENCY, policy)
    assert gather_total(request, 1000, 100) == pytest.approx(seconds, rel=0.04 if policy.timeout_s == 2 else 0.03)
    assert request.load == pytest.approx(load, rel=0.025)


@pytest.mark.parametrize(
    ("policy", "seconds"),
    [
        (Policy(timeout_s=10, pause_s=PAUSE_S), 22),
        (Policy(timeout_s=3, pause_s=PAUSE_S), 13.8),
        (Policy(timeout_s=2, pause_s=PAUSE_S), 13.1),
        (Policy(delay_s=2, **HEDGE), 12.2),
        (Policy(delay_s=1.5, **HEDGE), 11.7),
    ],
    ids=lambda value: value.words if isinstance(value, Policy) else "",
)
def test_a_window_over_the_article_takes_what_is_known(policy, seconds):
    """A window of 100 over 1,000 requests, within 3 %."""
    assert window_total(request_time(LATENCY, policy), 1000, 100)[0] == pytest.approx(seconds, rel=0.03)


@pytest.fixture(scope="module")
def gathered():
    return bounds_of(ARTICLE, stream=True, requests=1000, in_flight=100, dispatch="gather")


def test_without_stalls_ten_batches_take_22_seconds(gathered):
    """The slowest of 100 healthy answers, ten times."""
    assert gathered.no_stall_s == pytest.approx(22, rel=0.01)


def test_no_restart_is_better_than_the_best(gathered):
    """None on a grid of timeouts."""
    others = [gather_total(request_time(LATENCY, Policy(timeout_s=0.5 + i / 10)), 1000, 100) for i in range(60)]
    assert gathered.best_restart_s <= min(others) * 1.001


def test_no_hedge_within_the_budget_is_better_than_the_best(gathered):
    """None on a grid of delays and timeouts that costs at most 5 % more attempts."""
    policies = [
        Policy(timeout_s=limit, delay_s=1 + i / 10, copies=copies)
        for i in range(15)
        for copies in (2, 3)
        for limit in (2, 3, 10)
    ]
    fitting = [request for request in (request_time(LATENCY, p) for p in policies) if request.load <= 1.05]
    assert fitting
    assert gathered.best_within[0.05].seconds <= min(gather_total(r, 1000, 100) for r in fitting) * 1.005


def test_budgets_are_kept(gathered):
    """No policy costs more attempts than its budget allows."""
    assert all(best.load <= 1 + budget + 1e-9 for budget, best in gathered.best_within.items())


def test_a_larger_budget_is_never_worse(gathered):
    """3, 5 and 10 %."""
    seconds = [gathered.best_within[budget].seconds for budget in (0.03, 0.05, 0.10)]
    assert seconds == sorted(seconds, reverse=True)


def test_bounds_become_plain_json(gathered):
    """With the words of each policy, and the budgets as keys."""
    plain = json.loads(json.dumps(gathered.to_dict(), allow_nan=False))
    assert list(plain["best_within"]) == ["0.03", "0.05", "0.1"]
    assert plain["best_restart"]["policy"].startswith("restart after 1.9")


def test_a_window_never_takes_longer_than_batches(gathered):
    """It does not wait for the slowest of each batch."""
    window = bounds_of(ARTICLE, stream=True, requests=1000, in_flight=100, dispatch="window")
    assert window.no_stall_s < gathered.no_stall_s
    assert window.best_restart_s < gathered.best_restart_s


def test_a_budget_below_the_share_of_errors_is_kept_by_no_policy():
    """A fifth of the attempts fail, so that each request needs 1.25 of them."""
    fault = {"kind": "status_error", "probability": 0.2}
    profile = Profile.from_dict({"name": "x", "headers": 1, "faults": [fault]})
    found = bounds_of(profile, stream=True, requests=10, in_flight=5, dispatch="gather", budgets=(0.1, 0.3))
    assert found.best_within[0.1] is None
    assert found.best_within[0.3].load == pytest.approx(1.25)


def test_a_recording_has_no_bound_without_stalls():
    """Which of its times were healthy is not known."""
    found = bounds(Latency.of_times([1.0] * 99 + [30.0]), requests=100, in_flight=10, dispatch="gather")
    assert (found.no_stall_s, found.best_restart.policy) == (None, Policy(timeout_s=1))


def test_a_server_that_answers_at_once_takes_no_time():
    """Nothing is divided by it."""
    found = bounds_of(Profile(name="instant"), stream=True, requests=10, in_flight=2, dispatch="window")
    assert (found.no_stall_s, found.best_restart_s) == (0, 0)


@pytest.mark.parametrize("dispatch", ["gather", "window"])
def test_where_nothing_helps_nothing_is_done(dispatch):
    """Of policies that come to the same the plainest is named."""
    profile = Profile.from_dict({"name": "x", "first_content": 1, "between_tokens": 0.2, "output_tokens": 100})
    found = bounds_of(profile, stream=True, requests=10, in_flight=5, dispatch=dispatch, budgets=(0.1,))
    assert [found.best_restart.policy, found.best_within[0.1].policy] == [Policy(), Policy()]


def test_dependent_attempts_have_no_bounds():
    """The reason is told."""
    profile = Profile.from_dict({"name": "busy", "load": {"slots": 3}})
    with pytest.raises(UserError, match="depends on how much is asked"):
        bounds_of(profile, stream=True, requests=10, in_flight=5, dispatch="gather")
