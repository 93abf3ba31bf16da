"""Whether an attempt was given up falsely follows from its script."""

from dataclasses import replace

import pytest

from harness.foresight import foreseeable, with_foresight
from harness.profiles import Profile
from harness.records import Attempt, Outcome, Request

REQUEST = Request(3, ({"role": "user", "content": "hi"},))
#: The first token after 5 s, four tokens a second apart: the answer is complete at 8 s.
SLOW = Profile.from_dict({"name": "slow", "first_content": 5, "between_tokens": 1, "output_tokens": 4})


def abandoned(end_s: float, request_end_s: float, outcome: str = "ok") -> Outcome:
    first = Attempt(1, "first", "timeout", 0.0, end_s)
    second = Attempt(2, "retry", outcome, end_s, request_end_s)
    return Outcome("e", "c", 0, 0, 0, 3, outcome, 0.0, request_end_s, winner=2, attempts=(first, second))


@pytest.mark.parametrize(("request_end_s", "false"), [(7.9, False), (8.0, True), (20.0, True)])
def test_a_restart_is_false_when_waiting_would_have_been_as_quick(request_end_s, false):
    """The abandoned answer would have been complete at 8 s."""
    judged = with_foresight(abandoned(4.0, request_end_s), REQUEST, SLOW, stream=True)
    assert [one.false_restart for one in judged.attempts] == [false, None]


@pytest.mark.parametrize(("given_up_s", "tokens"), [(4.9, 0), (5.0, 1), (6.5, 2), (7.9, 3)])
def test_tokens_of_abandoned_attempts_are_wasted(given_up_s, tokens):
    """Those that the server had generated when the client went away."""
    judged = with_foresight(abandoned(given_up_s, 30.0), REQUEST, SLOW, stream=True)
    assert judged.attempts[0].wasted_tokens == tokens


def test_a_server_that_goes_on_wastes_the_whole_answer():
    """It ignores the cancellation."""
    deaf = replace(
        SLOW, faults=Profile.from_dict({"name": "x", "faults": [{"kind": "cancel_ignored", "probability": 1}]}).faults
    )
    judged = with_foresight(abandoned(1.0, 30.0), REQUEST, deaf, stream=True)
    assert judged.attempts[0].wasted_tokens == 4


def test_what_never_answers_was_given_up_rightly():
    """However long the request took."""
    stuck = Profile.from_dict({"name": "x", "faults": [{"kind": "hang_before_headers", "probability": 1}]})
    judged = with_foresight(abandoned(4.0, 1e9, "timeout"), REQUEST, stuck, stream=True)
    assert judged.attempts[0].false_restart is False


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"load": {"slots": 3}}, False),
        ({"faults": [{"kind": "stale_keepalive", "probability": 0.1}]}, False),
        ({"faults": [{"kind": "hang_before_headers", "probability": 0.1, "sticky": "connection"}]}, False),
        ({"faults": [{"kind": "hang_before_headers", "probability": 0.1, "sticky": "prompt"}]}, True),
    ],
)
def test_load_and_connections_cannot_be_foreseen(fields, expected):
    """What only the server knows is not guessed."""
    assert foreseeable(Profile.from_dict({"name": "x", **fields})) is expected
