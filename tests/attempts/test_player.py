"""The player does what the strategy says, when it says it, and leaves nothing behind."""

import pytest

from harness.records import Outcome
from tests.adapter.conftest import DONE, FINISH, HELLO, ROLE, event, server
from tests.attempts.conftest import answer, play
from tests.strategies.conftest import strategy

SILENT = server(1e6)
PING = b": ping\n\n"
EMPTY = event()


def told(outcome: Outcome) -> list[tuple]:
    """What became of each attempt: kind, outcome, send and end."""
    return [(one.kind, one.outcome, one.send_s, one.end_s) for one in outcome.attempts]


def test_a_stuck_attempt_is_restarted():
    """At exactly its timeout, and the answer of the second one counts."""
    outcome = play(strategy(timeout=10), SILENT, answer(1))
    assert told(outcome) == [("first", "timeout", 0.0, 10.0), ("retry", "ok", 10.0, 11.0)]
    assert (outcome.outcome, outcome.end_s, outcome.winner) == ("ok", 11.0, 2)


@pytest.mark.parametrize(
    "stall",
    [
        pytest.param(server(1.0, 200, 1e6), id="after the headers"),
        pytest.param(server(1.0, 200, ROLE, 1e6), id="after the role"),
        pytest.param(server(1.0, 200, *([PING, 5.0] * 100)), id="comments"),
        pytest.param(server(1.0, 200, *([EMPTY, 5.0] * 100)), id="empty deltas"),
        pytest.param(server(1.0, 200, *([event(choices=[]), 5.0] * 100)), id="no choices"),
    ],
)
def test_only_content_stops_the_timer_of_the_first_content(stall):
    """Neither headers nor bytes, comments, roles or empty deltas do."""
    assert told(play(strategy(timeout=10), stall, answer(1)))[0] == ("first", "timeout", 0.0, 10.0)


@pytest.mark.parametrize("noise", [PING, EMPTY, event(choices=[])])
def test_noise_does_not_stop_the_idle_timer(noise):
    """A stream that only pings is silent."""
    drip = server(1.0, 200, HELLO, *([5.0, noise] * 100))
    assert told(play(strategy(idle_timeout=12), drip, answer(1)))[0] == ("first", "timeout", 0.0, 13.0)


def test_a_slow_drip_ends_at_the_attempts_limit():
    """No gap is too long, but all of them together are."""
    drip = answer(1, tokens=100, every=9.0)
    found = told(play(strategy(idle_timeout=10, attempt_timeout=60), drip, answer(1)))
    assert found == [("first", "timeout", 0.0, 60.0), ("retry", "ok", 60.0, 61.0)]


def test_the_total_deadline_ends_the_request():
    """Whatever is under way then; the request failed by a timeout."""
    outcome = play(strategy(timeout=10, total_timeout=25), SILENT)
    assert told(outcome)[2] == ("retry", "cancelled", 20.0, 25.0)
    assert (outcome.outcome, outcome.end_s) == ("timeout", 25.0)
    assert outcome.error == "no answer within 25 s in all"


def test_a_copy_that_is_first_wins():
    """The loser is cancelled at that instant; what is left of the answer is still waited for."""
    outcome = play(strategy("hedge", timeout=10, delay=2), SILENT, answer(1, tokens=3, every=1.0))
    assert told(outcome) == [("first", "cancelled", 0.0, 3.0), ("hedge", "ok", 2.0, 5.0)]
    assert (outcome.ttft_s, outcome.winner) == (3.0, 2)


def test_a_copy_that_is_late_loses():
    """The first attempt's answer counts, and its first content is the request's."""
    outcome = play(strategy("hedge", timeout=10, delay=2), answer(2.5), SILENT)
    assert told(outcome) == [("first", "ok", 0.0, 2.5), ("hedge", "cancelled", 2.0, 2.5)]
    assert (outcome.ttft_s, outcome.winner) == (2.5, 1)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(server(0.1, 429, b"{}", None), id="429"),
        pytest.param(server(0.1, 200, FINISH, DONE, None), id="empty"),
        pytest.param(server(0.1, 200, ROLE, None), id="nothing but a role"),
        pytest.param(server(0.1, RuntimeError("reset")), id="reset"),
        pytest.param(server(0.1, 200, b"<html>", None), id="html"),
    ],
)
def test_a_fast_failure_does_not_win(bad):
    """A copy that fails at once leaves the field to the attempt that answers."""
    outcome = play(strategy("hedge", timeout=20, delay=2), answer(6), bad)
    assert (outcome.outcome, outcome.winner, outcome.end_s) == ("ok", 1, 6.0)


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (server(1.0, 200, HELLO, None), "truncated"),
        (server(1.0, 200, DONE, None), "stream_error"),
        (server(1.0, 200, HELLO, RuntimeError("reset")), "stream_error"),
        (server(1.0, 200, HELLO, b'data: {"error": {"message": "x"}}\n\n', None), "stream_error"),
        (server(1.0, 200, b"data: {oops\n\n", FINISH, None), "stream_error"),
        (server(1.0, 200, FINISH, DONE, None), "stream_error"),
    ],
)
def test_part_of_an_answer_is_tried_again(broken, expected):
    """And when nothing better comes, it is a failure, never a success."""
    once = strategy(max_retries=1, backoff={"base_s": 0})
    assert play(once, broken, answer(1)).outcome == "ok"
    failed = play(once, broken)
    assert (failed.outcome, len(failed.attempts)) == (expected, 2)


@pytest.mark.parametrize("parts", [(DONE,), (DONE[:9], DONE[9:])])
def test_done_makes_the_answer_complete_without_a_finish_reason(parts):
    """However the line is cut; the server has said that nothing more will come."""
    outcome = play(strategy(), server(1.0, 200, HELLO, *parts, None))
    assert (outcome.outcome, outcome.finish_reason, len(outcome.attempts)) == ("ok", None, 1)


def test_an_answer_that_talks_of_done_is_not_ended_by_it():
    """Only a line of its own is."""
    chunk = b'data: {"choices":[{"index":0,"delta":{"content":"a\\ndata: [DONE]"}}]}\n\n'
    assert play(strategy(max_retries=0), server(1.0, 200, chunk, None)).outcome == "truncated"


@pytest.mark.parametrize("ending", [(1e6,), (DONE, 1e6), (None,), (PING, 1e6)])
def test_a_finish_reason_makes_the_answer_complete(ending):
    """With or without [DONE], whether or not the connection ends: at most the grace is waited."""
    outcome = play(strategy(idle_timeout=10, grace_s=2), server(1.0, 200, HELLO, FINISH, *ending))
    assert (outcome.outcome, outcome.finish_reason, len(outcome.attempts)) == ("ok", "stop", 1)
    assert outcome.end_s <= 3.0


@pytest.mark.parametrize(
    ("status", "body", "attempts"),
    [
        (400, b"{}", 1),
        (401, b"{}", 1),
        (404, b"{}", 1),
        (408, b"{}", 4),
        (429, b"{}", 4),
        (500, b"{}", 4),
        (529, b"{}", 4),
        (429, b'{"error": {"message": "x", "code": "insufficient_quota"}}', 1),
    ],
)
def test_what_asking_again_cannot_mend_is_asked_once(status, body, attempts):
    """A wrong key stays wrong and an empty account empty."""
    outcome = play(strategy(max_retries=3), server(0.1, status, body, None))
    assert (outcome.outcome, len(outcome.attempts)) == ("status_error", attempts)


def test_retry_after_is_waited_for():
    """As long as the server says, and up to a fifth more."""

    async def busy(scope, receive, send):
        await send({"type": "http.response.start", "status": 429, "headers": [(b"retry-after", b"10")]})
        await send({"type": "http.response.body", "body": b"{}"})

    outcome = play(strategy(), busy, answer(1))
    assert 10.0 <= outcome.attempts[1].send_s <= 12.0


def test_back_off_does_not_depend_on_the_process():
    """Equal seeds are equal runs, jitter included."""
    failing = server(0.1, 500, b"{}", None)
    assert told(play(strategy(), failing)) == told(play(strategy(), failing))


def test_an_unstreamed_answer_has_its_first_content_at_its_end():
    """So the timer of the first content is one of the whole answer."""

    async def plain(scope, receive, send):
        body = b'{"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}'
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})

    one = strategy(timeout=10, stream=False)
    outcome = play(one, SILENT, plain)
    assert (outcome.outcome, outcome.winner, outcome.end_s) == ("ok", 2, 10.0)


def test_escape_from_livelock():
    """A request that is slow every time finishes: patience doubles until it is enough."""
    one = strategy(timeout=4, escalation=2, max_retries=5)
    outcome = play(one, *[answer(50)] * 6)
    assert (outcome.outcome, len(outcome.attempts), outcome.end_s) == ("ok", 5, 4 + 8 + 16 + 32 + 50)


def test_a_fixed_timeout_never_finishes_what_is_always_slow():
    """The reason for the escape."""
    assert play(strategy(timeout=4, max_retries=5), answer(50)).outcome == "timeout"


def test_retries_can_avoid_pooled_connections():
    """With `fresh_connection` each retry has a connection of its own."""
    failing = server(0.1, 500, b"{}", None)
    for fresh, connections in ((False, 1), (True, 3)):
        servers = [failing, failing, answer(1)]
        from tests.attempts import conftest

        seen = conftest.InTurn(*servers)
        play(strategy(fresh_connection=fresh), seen)
        assert len(set(seen.connections)) == connections


def test_abandoned_tokens_are_counted():
    """What came of each attempt before it was given up."""
    outcome = play(strategy(idle_timeout=5), server(1.0, 200, HELLO, HELLO, HELLO, 1e6), answer(1, tokens=2))
    assert [one.tokens for one in outcome.attempts] == [3, 2]
    assert outcome.tokens == 2
