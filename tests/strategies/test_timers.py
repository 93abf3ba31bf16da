"""At what instant an attempt is given up, retried, accepted or failed: plain arithmetic."""

import pytest
from pydantic import ValidationError

from harness.strategies.played import Backoff
from harness.strategies.situation import NEVER, GiveUp, Launch
from tests.strategies.conftest import plan, seen, strategy


def test_a_request_begins_with_its_first_attempt():
    """At once."""
    assert plan(strategy()).launch == Launch(0.0, "first")


@pytest.mark.parametrize(
    ("fields", "attempt", "expected"),
    [
        ({"timeout": 10}, {}, GiveUp(1, 12.0, "no content within 10 s")),
        ({"headers_timeout": 5, "timeout": 10}, {}, GiveUp(1, 7.0, "no headers within 5 s")),
        ({"headers_timeout": 5, "timeout": 10}, {"headers_s": 3.0}, GiveUp(1, 12.0, "no content within 10 s")),
        ({"attempt_timeout": 60}, {}, GiveUp(1, 62.0, "not done within 60 s")),
        (
            {"idle_timeout": 15},
            {"first_content_s": 3.0, "last_content_s": 8.0},
            GiveUp(1, 23.0, "no content for 15 s"),
        ),
        (
            {"idle_timeout": 15, "attempt_timeout": 20},
            {"first_content_s": 3.0, "last_content_s": 8.0},
            GiveUp(1, 22.0, "not done within 20 s"),
        ),
    ],
)
def test_each_phase_has_its_timer(fields, attempt, expected):
    """Counted from the send, or from the last content; headers do not stop the timer of the first content."""
    assert plan(strategy(**fields), seen(2.0, **attempt), now_s=3.0).give_up == (expected,)


def test_content_ends_the_wait_for_content():
    """An answer that has begun is not given up by the timer of the first content."""
    [ending] = plan(strategy(timeout=10), seen(first_content_s=9.0, last_content_s=9.0), now_s=9.0).give_up
    assert ending.at_s == NEVER


def test_the_total_deadline_spans_all_attempts():
    """It counts from the request's begin, whichever attempt is under way."""
    attempts = seen(ended_s=30.0, outcome="timeout"), seen(30.0, 2, "retry", 1)
    assert plan(strategy(total_timeout=40), *attempts, now_s=31.0).deadline_s == 40.0


def test_a_timed_out_attempt_is_followed_at_once():
    """Waiting would help nobody."""
    found = plan(strategy(timeout=10), seen(ended_s=10.0, outcome="timeout"), now_s=10.0)
    assert found.launch == Launch(10.0, "retry")


def test_a_failed_attempt_is_followed_after_a_back_off():
    """Half a second, of which half is random: equal jitter at u = 0.5 is 0.375 s."""
    found = plan(strategy(), seen(ended_s=1.0, outcome="status_error"), now_s=1.0)
    assert found.launch == Launch(1.375, "retry")


@pytest.mark.parametrize(
    ("failures", "u", "expected"), [(1, 0.0, 0.25), (1, 1.0, 0.5), (3, 0.0, 1.0), (3, 1.0, 2.0), (9, 1.0, 8.0)]
)
def test_equal_jitter(failures, u, expected):
    """min(base 2^k, most), of which at least half."""
    assert Backoff().wait_s(failures, None, u) == expected


def test_who_is_turned_away_again_waits_for_the_longer_of_the_two():
    """A server that tells a crowd when its next place is free has one place: 20 ms do not disperse them."""
    one = strategy(backoff={"base_s": 1.0, "jitter": 0.0, "retry_after_jitter": 0.0})
    tries = [seen(0.0, ended_s=1.0, outcome="status_error", retry_after_s=0.02)]
    assert plan(one, *tries, now_s=1.0).launch.at_s == 1.02
    tries.append(seen(1.02, 2, "retry", 1, ended_s=2.0, outcome="status_error", retry_after_s=0.02))
    assert plan(one, *tries, now_s=2.0).launch.at_s == 4.0
    tries.append(seen(4.0, 3, "retry", 2, ended_s=5.0, outcome="status_error", retry_after_s=30.0))
    assert plan(one, *tries, now_s=5.0).launch.at_s == 35.0


def test_retry_after_is_obeyed_and_spread():
    """Never before the time told, and not all at the same instant."""
    assert [Backoff().wait_s(1, 10.0, u) for u in (0.0, 0.5, 1.0)] == [10.0, 11.0, 12.0]


@pytest.mark.parametrize(
    "attempt",
    [
        {"retryable": False},
        {"retry_after_s": 121.0},
    ],
)
def test_some_failures_are_final(attempt):
    """A refused key stays refused; a server that wants hours is not waited for."""
    assert plan(strategy(), seen(ended_s=1.0, outcome="status_error", **attempt), now_s=1.0).launch is None


def test_no_retry_is_begun_that_the_deadline_would_cut():
    """The failure is told at once instead."""
    attempt = seen(ended_s=1.0, outcome="status_error", retry_after_s=60.0)
    assert plan(strategy(total_timeout=30), attempt, now_s=1.0).launch is None


def test_retries_are_counted():
    """With two of them, three attempts."""
    attempts = [seen(i, i + 1, "retry" if i else "first", i, ended_s=i + 1.0, outcome="timeout") for i in range(3)]
    assert plan(strategy(max_retries=3), *attempts, now_s=3.0).launch == Launch(3.0, "retry")
    assert plan(strategy(max_retries=2), *attempts, now_s=3.0).launch is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("restart", [4, 8, 16, 32, 64, 128, 256]), ("luby", [4, 4, 8, 4, 4, 8, 16])],
)
def test_patience_grows_with_the_retries(kind, expected):
    """By `escalation`, or in Luby's order."""
    fields = {"escalation": 2} if kind == "restart" else {}
    one = strategy(kind, timeout=4, max_retries=10, **fields)
    limits = [plan(one, seen(0.0, 1, "retry", round_)).give_up[0].at_s for round_ in range(7)]
    assert limits == expected


def test_a_patient_last_attempt_waits_for_its_content():
    """So that a request which is slow every time finishes in the end; other timers still hold."""
    patient = strategy(timeout=10, attempt_timeout=600, patient=True, max_retries=1)
    assert plan(patient, seen(0.0, 2, "retry", 1)).give_up == (GiveUp(2, 600.0, "not done within 600 s"),)
    assert plan(patient, seen(0.0)).give_up[0].at_s == 10.0


def test_a_finished_answer_is_accepted_after_its_grace():
    """Whatever the connection does then, not even the deadline takes it away."""
    one = strategy(idle_timeout=5, total_timeout=20, grace_s=2)
    found = plan(one, seen(first_content_s=1.0, last_content_s=18.0, finished_s=19.0), now_s=19.0)
    assert (found.accept_s, found.give_up, found.deadline_s) == (21.0, (), NEVER)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"timeout": 30, "total_timeout": 20}, r"timeout \(30 s\) is above total_timeout \(20 s\)"),
        ({"timeout": 30, "attempt_timeout": 20}, r"timeout \(30 s\) is above attempt_timeout \(20 s\)"),
        ({"headers_timeout": 5, "timeout": 3}, r"headers_timeout \(5 s\) is above timeout \(3 s\)"),
        ({"attempt_timeout": 50, "total_timeout": 40}, r"attempt_timeout \(50 s\) is above total_timeout \(40 s\)"),
        ({"connect_timeout": 9, "attempt_timeout": 5}, r"connect_timeout \(9 s\) is above attempt_timeout \(5 s\)"),
        ({"idle_timeout": 9, "attempt_timeout": 5}, r"idle_timeout \(9 s\) is above attempt_timeout \(5 s\)"),
        ({"retry_budget": {"kind": "share", "share": 0}}, "greater than 0"),
        ({"retry_budget": {"kind": "share", "share": -1}}, "greater than 0"),
        ({"retry_budget": {"kind": "throttle", "tokens": 0}}, "greater than 0"),
        ({"breaker": {"window": 0}}, "greater than or equal to 1"),
        ({"escalation": 0.5}, "greater than or equal to 1"),
        ({"timeout": "none"}, "write null"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(fields, reason):
    """With the reason."""
    with pytest.raises(ValidationError, match=reason):
        strategy(**fields)


def test_times_scale_together():
    """Timers, delays and waits, whatever they are called; shares and counts stay."""
    one = strategy("hedge", timeout=10, attempt_timeout=60, delay=2, breaker={"cool_down_s": 30}).scaled(0.5)
    found = (one.timeout, one.attempt_timeout, one.delay, one.grace_s, one.backoff.base_s, one.breaker.cool_down_s)
    assert found == (5, 30, 1, 0.5, 0.25, 15)
    assert (one.escalation, one.max_hedges, one.total_timeout) == (1, 1, None)
