"""What lets an extra attempt begin, and what does not."""

from harness.strategies.budgets import Breaker, ShareBudget, ThrottleBudget
from harness.strategies.situation import GiveUp
from tests.strategies.conftest import plan, seen, strategy


def end(bucket, *, useful: bool = False, extra: bool = True, failed: bool = True, now_s: float = 0.0) -> None:
    bucket.ended(extra=extra, useful=useful, failed=failed, now_s=now_s)


def test_a_share_of_requests_may_be_asked_twice():
    """Two from the reserve, which is full when the first request comes, and 10 % of the 100 after it."""
    bucket = ShareBudget(share=0.1, reserve=2).bucket()
    granted = 0
    for _ in range(101):
        bucket.requested()
        while bucket.allows(0.0):
            bucket.spent()
            granted += 1
    assert granted == 12


def test_a_share_is_not_saved_up():
    """After an hour of health a burst of copies is as limited as at the start."""
    bucket = ShareBudget(share=0.5, reserve=3).bucket()
    for _ in range(1000):
        bucket.requested()
    granted = 0
    while bucket.allows(0.0):
        bucket.spent()
        granted += 1
    assert granted == 3


def test_throttling_stops_at_half_of_the_tokens():
    """gRFC A6: ten tokens, each failure takes one, above five is allowed."""
    bucket = ThrottleBudget(tokens=10, ratio=0.1).bucket()
    allowed = []
    for _ in range(6):
        allowed.append(bucket.allows(0.0))
        end(bucket)
    assert allowed == [True, True, True, True, True, False]


def test_throttling_recovers_with_successes():
    """Ten of them for one failure."""
    bucket = ThrottleBudget(tokens=10, ratio=0.1).bucket()
    for _ in range(5):
        end(bucket)
    assert not bucket.allows(0.0)
    for _ in range(2):
        end(bucket, useful=True, failed=False)
    assert bucket.allows(0.0)


def test_the_breaker_opens_when_extra_attempts_do_not_help():
    """Fewer than a fifth of the last ten."""
    bucket = Breaker(least_useful=0.2, window=10, cool_down_s=30).bucket()
    for _ in range(9):
        end(bucket)
    assert bucket.allows(0.0)
    end(bucket)
    assert not bucket.allows(0.0)


def test_first_attempts_do_not_open_the_breaker():
    """That first attempts fail is why there are others."""
    bucket = Breaker(window=5).bucket()
    for _ in range(100):
        end(bucket, extra=False)
    assert bucket.allows(0.0)


def test_after_the_cool_down_one_is_let_through():
    """It closes the breaker if it helps, and opens it again if it does not."""
    bucket = Breaker(window=5, cool_down_s=30).bucket()
    for _ in range(5):
        end(bucket, now_s=10.0)
    assert [bucket.allows(now) for now in (39.0, 40.0)] == [False, True]
    bucket.spent()
    assert not bucket.allows(40.0)
    end(bucket, now_s=41.0)
    assert [bucket.allows(now) for now in (70.0, 71.0)] == [False, True]
    bucket.spent()
    end(bucket, useful=True, failed=False, now_s=72.0)
    assert bucket.allows(72.0)


def test_a_refused_restart_lets_the_attempt_go_on():
    """It is not given up for nothing: the budget is looked at again a quarter of the limit later."""
    one = strategy(timeout=8, retry_budget={"kind": "share", "share": 0.1, "reserve": 0})
    assert plan(one, seen(0.0), now_s=8.0).give_up == (GiveUp(1, 10.0, "no content within 8 s"),)


def test_a_failure_without_budget_is_final():
    """Throttled retries fail fast instead of queueing up."""
    one = strategy(retry_budget={"kind": "share", "share": 0.1, "reserve": 0})
    assert plan(one, seen(ended_s=1.0, outcome="status_error"), now_s=1.0).launch is None


def test_first_attempts_are_never_refused():
    """Budgets and breakers are about what comes on top."""
    one = strategy(
        retry_budget={"kind": "share", "share": 0.1, "reserve": 0}, breaker={"window": 1, "cool_down_s": 1000}
    )
    memory = one.memory()
    memory.ended(seen(0.0, 2, "retry", ended_s=1.0, outcome="timeout"), useful=False, now_s=1.0)
    assert not memory.allows("retry", 1.0)
    assert memory.allows("first", 1.0)
    assert plan(one, memory=memory).launch.kind == "first"


def test_a_retry_that_the_server_asked_for_needs_no_budget():
    """A share that is used up and an open breaker refuse others, uncounted; gRPC's throttle refuses it too."""
    told = seen(ended_s=1.0, outcome="status_error", retry_after_s=2.0)
    one = strategy(
        retry_budget={"kind": "share", "share": 0.1, "reserve": 0}, breaker={"window": 1, "cool_down_s": 1000}
    )
    memory = one.memory()
    memory.ended(seen(0.0, 2, "retry", ended_s=1.0, outcome="timeout"), useful=False, now_s=1.0)
    launch = plan(one, told, now_s=1.0, memory=memory).launch
    assert (launch.kind, launch.asked) == ("retry", True)
    assert plan(one, seen(ended_s=1.0, outcome="status_error"), now_s=1.0, memory=memory).launch is None
    throttled = strategy(retry_budget={"kind": "throttle", "tokens": 2})
    memory = throttled.memory()
    memory.ended(told, useful=False, now_s=1.0)
    assert plan(throttled, told, now_s=1.0, memory=memory).launch is None


def test_what_the_server_asked_for_is_not_taken_from_the_budget():
    """One retry in hand is still there after ten that were asked for."""
    memory = strategy(retry_budget={"kind": "share", "share": 0.1, "reserve": 1}).memory()
    for _ in range(10):
        memory.launched("retry", asked=True)
    assert memory.allows("retry", 0.0)
    memory.launched("retry")
    assert not memory.allows("retry", 0.0)
