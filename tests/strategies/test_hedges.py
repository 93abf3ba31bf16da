"""At what instant a copy is sent."""

import pytest
from pydantic import ValidationError

from harness.strategies import memory_of
from harness.strategies.situation import NEVER, GiveUp, Launch
from tests.strategies.conftest import plan, seen, strategy


def hedge(**fields):
    return strategy("hedge", **{"timeout": 10, "delay": 2, **fields})


def test_a_copy_is_sent_after_the_delay():
    """Counted from the send, while the first goes on until its own timeout."""
    found = plan(hedge(), seen(3.0), now_s=3.0)
    assert (found.launch, found.give_up) == (Launch(5.0, "hedge"), (GiveUp(1, 13.0, "no content within 10 s"),))


def test_the_next_copy_counts_from_the_last():
    """Every `delay`, `max_hedges` of them."""
    attempts = seen(0.0), seen(2.0, 2, "hedge")
    assert plan(hedge(max_hedges=2), *attempts, now_s=2.0).launch == Launch(4.0, "hedge")
    assert plan(hedge(max_hedges=1), *attempts, now_s=2.0).launch is None


def test_a_retry_can_be_hedged_again():
    """Copies are counted anew in each round."""
    attempts = (
        seen(0.0, ended_s=9.0, outcome="timeout"),
        seen(2.0, 2, "hedge", ended_s=9.5, outcome="timeout"),
        seen(9.5, 3, "retry", 1),
    )
    assert plan(hedge(), *attempts, now_s=9.5).launch == Launch(11.5, "hedge")


def test_no_copy_once_there_is_content():
    """Hedging is on the first content; the length of an answer is no reason."""
    assert plan(hedge(), seen(first_content_s=1.0, last_content_s=1.0), now_s=1.0).launch is None


def test_content_decides_the_race():
    """The others are given up at that instant, without blame."""
    attempts = seen(0.0), seen(2.0, 2, "hedge", first_content_s=3.0, last_content_s=3.0)
    assert GiveUp(1, 3.0, "") in plan(hedge(), *attempts, now_s=3.0).give_up


def test_a_copy_that_failed_fast_does_not_end_the_wait():
    """The first attempt goes on; nothing is retried while it does."""
    attempts = seen(0.0), seen(2.0, 2, "hedge", ended_s=2.1, outcome="status_error")
    found = plan(hedge(), *attempts, now_s=2.1)
    assert (found.launch, [one.number for one in found.give_up]) == (None, [1])


def test_a_spent_budget_puts_the_copy_off():
    """The attempt goes on, and the budget is looked at again."""
    one = hedge(hedge_budget={"kind": "share", "share": 0.1, "reserve": 0})
    assert plan(one, seen(0.0), now_s=2.0).launch == Launch(2.5, "hedge")


def test_speculation_waits_for_most_of_the_batch():
    """Then copies what takes longer than the factor times the median of what is done."""
    one = strategy("speculation", timeout=10, done=0.75, factor=1.5)
    memory = memory_of(one)
    memory.release(4)
    for seconds in (1.0, 2.0):
        memory.finished(seconds)
    assert plan(one, seen(0.0), now_s=2.0, memory=memory).launch.at_s == NEVER
    memory.finished(3.0)
    assert plan(one, seen(0.0), now_s=3.0, memory=memory).launch == Launch(3.0, "hedge")


def test_speculation_wakes_the_rest_of_the_batch():
    """Nothing happens to a stuck request by itself, so it must be told."""
    memory = memory_of(strategy("speculation", timeout=10, done=0.75))
    asked = []
    memory.waiting[lambda: asked.append(True)] = None
    memory.release(4)
    for _ in range(2):
        memory.finished(1.0)
    assert asked == []
    memory.finished(1.0)
    assert asked == [True]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"delay": 10}, "a copy after 10 s never comes, since the attempt is given up after 10 s"),
        ({"timeout": None, "attempt_timeout": 5, "delay": 6}, "a copy after 6 s never comes"),
        ({"timeout": None}, "a hedge needs a limit to single attempts"),
        ({"timeout": "off", "attempt_timeout": "off"}, "a hedge needs a limit to single attempts"),
        ({"max_hedges": 0}, "greater than or equal to 1"),
        ({"delay": -1}, "greater than or equal to 0"),
        ({"hedge_budget": {"kind": "share", "share": -0.1}}, "greater than 0"),
    ],
)
def test_hedges_that_make_no_sense_are_refused(fields, reason):
    """With the reason."""
    with pytest.raises(ValidationError, match=reason):
        hedge(**fields)


def test_adaptive_copies_before_it_gives_up():
    """Else no copy would ever come."""
    with pytest.raises(ValidationError, match="patience"):
        strategy("adaptive", timeout=10, factor=3, patience=3)


def adaptive_after(times, **fields):
    """The adaptive strategy with a memory in which as many attempts began together and were answered in `times`."""
    one = strategy("adaptive", timeout=10, **fields)
    memory = memory_of(one)
    for _ in times:
        memory.launched("first")
    for seconds in times:
        answered = seen(0.0, first_content_s=seconds)
        memory.heard(answered)
    return one, memory


def test_adaptive_begins_with_its_first_settings():
    """A copy after `first_delay`, which is given up after `timeout`: it must act before it has learnt."""
    one, memory = adaptive_after([])
    assert plan(one, seen(0.0), memory=memory).launch.at_s == 5.0
    assert [limit.at_s for limit in plan(one, seen(0.0), seen(5.0, 2, "hedge"), memory=memory).give_up] == [NEVER, 15.0]


def test_adaptive_knows_the_median_when_half_have_answered():
    """Those that are still under way are slower: 20 of 40 at 1 s say that the median is 1 s."""
    one = strategy("adaptive", timeout=10, factor=2.5, patience=5)
    memory = memory_of(one)
    for _ in range(40):
        memory.launched("first")
    for _ in range(20):
        memory.heard(seen(0.0, first_content_s=1.0))
    assert plan(one, seen(0.0), memory=memory).launch.at_s == 2.5
    assert plan(one, seen(0.0), seen(2.5, 2, "hedge"), memory=memory).give_up[1].at_s == 7.5


def test_adaptive_learns_the_tail():
    """Of 100 times from 0.01 to 1 s, 4 % exceed 0.96 s, which is less than 2.5 medians."""
    one, memory = adaptive_after([i / 100 for i in range(1, 101)], hedged=0.04)
    assert plan(one, seen(0.0), memory=memory).launch.at_s == 0.96


def test_adaptive_counts_what_was_given_up_as_slow():
    """Six of 100 that were abandoned lie in the tail: it begins where 94 end, not among the answers of 96."""
    one, memory = adaptive_after([i / 100 for i in range(1, 95)], hedged=0.04)
    for _ in range(6):
        lost = seen(0.0, ended_s=9.0, outcome="timeout")
        memory.launched("first")
        memory.ended(lost, useful=False, now_s=9.0)
    # 96 % of the 100 is among those of which only a lower bound is known: 2.5 medians are less.
    assert plan(one, seen(0.0), memory=memory).launch.at_s == pytest.approx(2.5 * 0.5)


def test_adaptive_never_gives_up_its_first_attempt():
    """Whatever its retries come to, a request takes no longer than the answer that it asked for first."""
    one, memory = adaptive_after([1.0] * 100)
    first = seen(0.0)
    for round_ in range(6):
        found = plan(one, first, seen(50.0, 2, "retry", round_), now_s=50.0, memory=memory)
        kept, other = found.give_up
        assert kept.at_s == NEVER
        assert other.at_s == 55.0


def test_adaptive_sends_a_retry_beside_its_first_attempt():
    """At once when its patience with the copies is over; not while one is under way, nor beyond the retries."""
    one, memory = adaptive_after([1.0] * 100)
    first, copies = seen(0.0), [seen(2.5, 2, "hedge"), seen(5.0, 3, "hedge")]
    assert plan(one, first, *copies, now_s=6.0, memory=memory).launch is None
    for copy in copies:
        copy.ended_s, copy.outcome = copy.sent_s + 5.0, "timeout"
    assert plan(one, first, *copies, now_s=10.0, memory=memory).launch == Launch(10.0, "retry")
    last = seen(40.0, 4, "retry", one.max_retries, ended_s=45.0, outcome="timeout")
    copied = [seen(41.0 + n, 5 + n, "hedge", one.max_retries, ended_s=46.0, outcome="timeout") for n in (0, 1)]
    assert plan(one, first, *copies, last, *copied, now_s=46.0, memory=memory).launch is None


def test_adaptive_backs_off_beside_its_first_attempt():
    """A copy that was refused says how long to wait, or that asking again is no use."""
    one, memory = adaptive_after([1.0] * 100, max_hedges=1)
    refused = seen(2.5, 2, "hedge", ended_s=5.0, outcome="status_error", retry_after_s=20.0)
    assert plan(one, seen(0.0), refused, now_s=5.0, memory=memory).launch.at_s >= 25.0
    hopeless = seen(2.5, 2, "hedge", ended_s=5.0, outcome="status_error", retryable=False)
    assert plan(one, seen(0.0), hopeless, now_s=5.0, memory=memory).launch is None


def test_adaptive_asks_its_budget_before_a_retry_beside_its_first_attempt():
    """Refused, it goes on waiting, and asks again."""
    budget = {"kind": "share", "share": 0.1, "reserve": 0}
    one, memory = adaptive_after([1.0] * 4, retry_budget=budget, hedge_budget=budget)
    found = plan(one, seen(0.0), now_s=20.0, memory=memory)
    assert 20.0 < found.next_s < 25.0
    assert found.give_up[0].at_s == NEVER
