"""For whom the dice are thrown, and where in an answer a fault strikes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.faults import Fault, Meeting
from harness.profiles import Profile
from harness.scripts import Script

#: Every row of the catalogue that this field knows, by the name it goes by.
KNOWN = {
    *("connect_blackhole", "connect_refused", "accepted_unread", "drop_before_headers", "stale_keepalive"),
    *("hang_before_headers", "late_gateway_error", "headers_then_silence", "role_only_prelude", "mid_stream_stall"),
    *("keepalive_comments", "ping_events", "slow_drip", "reasoning_pause", "slow_prompt", "correlated_outage"),
    *("silent_truncation", "done_without_finish", "finish_without_done", "finish_then_hang", "post_done_linger"),
    *("abrupt_disconnect", "wrong_content_length", "empty_choices_chunk", "usage_chunk", "error_in_stream"),
    *("rate_limit_storm", "insufficient_quota", "status_error", "overload", "cancel_ignored"),
    *("malformed_chunk", "split_utf8", "html_200"),
}


def profile(*faults: dict, **settings) -> Profile:
    return Profile.from_dict({"name": "p", "output_tokens": 8, "faults": [*faults], **settings})


def met(script: Script) -> bool:
    return script.fault is not None


def hang(**settings) -> dict:
    return {"kind": "hang_before_headers", "probability": 0.5, **settings}


def test_every_known_fault_can_be_injected():
    """By its name."""
    assert set(Fault.register) >= KNOWN


def test_a_connection_decides_for_all_that_comes_over_it():
    """Requests that follow one first request share its fate; other connections have their own."""
    p = profile(hang(sticky="connection"))
    fates = [
        {met(p.script(0, f"r{i}", 1, meeting=Meeting(first=(f"first {c}", 1), served=i))) for i in range(20)}
        for c in range(60)
    ]
    assert all(len(fate) == 1 for fate in fates)
    assert 15 < sum(fate == {True} for fate in fates) < 45


def test_a_window_decides_for_all_that_arrives_in_it():
    """Attempts of 30 s share a fate, whoever makes them; about half of the windows are bad."""
    p = profile(hang(sticky="window", window_s=30.0))

    def fate(window: int) -> set[bool]:
        instants = [30.0 * window + 29.9 * i / 20 for i in range(20)]
        return {met(p.script(0, f"r{i}", 1 + i % 3, meeting=Meeting(now_s=now))) for i, now in enumerate(instants)}

    fates = [fate(window) for window in range(100)]
    assert all(len(found) == 1 for found in fates)
    assert 30 < sum(found == {True} for found in fates) < 70


def test_windows_shrink_with_time():
    """time_scale=0.5 halves them."""
    (fault,) = profile(hang(sticky="window", window_s=30.0)).scaled(0.5).faults
    assert fault.window_s == 15.0


def test_only_the_first_attempts_are_met():
    """A retry after them is answered: the stall that one identical retry cures."""
    p = profile(hang(probability=1.0, first_attempts=2))
    assert [met(p.script(0, "r", attempt)) for attempt in range(1, 6)] == [True, True, False, False, False]


def test_every_so_many_th_request_is_met():
    """By its number, so that neither order nor workers matter; other names by a hash, about as often."""
    p = profile(hang(probability=1.0, every=3))
    assert [met(p.script(0, str(number), 1)) for number in range(7)] == [False, False, True, False, False, True, False]
    assert 70 < sum(met(p.script(0, f"name {number}", 1)) for number in range(300)) < 130


def test_what_one_fault_spares_no_other_gets():
    """Conditions make a fault rarer, and leave the others as frequent as they are."""
    both = profile(hang(probability=0.5, first_attempts=1), {"kind": "html_200", "probability": 0.5})
    kinds = [both.script(0, str(number), 2).fault for number in range(400)]
    assert set(kinds) == {None, "html_200"}
    assert 150 < kinds.count("html_200") < 250


def test_a_stall_strikes_inside_the_arguments_of_a_tool():
    """After the call has been named and its first fragment sent; an answer without tools has no such place."""
    stall = {"kind": "stall", "probability": 1, "duration": 9.0, "position": "inside_tool_arguments"}
    calls = profile(stall).script(0, "r", 1, tokens=6, openings=2)
    assert [event.at_s for event in calls.events if event.name == "token"] == [0.0, 0.0, 0.0, 9.0, 9.0, 9.0]
    text = profile(stall).script(0, "r", 1, tokens=6)
    assert (text.fault, text.end_s) == (None, 0.0)


def test_times_stretch_with_the_attempts_in_flight():
    """`overload`: twice the capacity in flight, twice the time; up to it, none."""
    p = profile({"kind": "overload", "probability": 1, "capacity": 10}, headers=2.0)
    ends = [p.script(0, "r", 1, meeting=Meeting(in_flight=n)).end_s for n in (0, 9, 19, 29)]
    assert ends == [2.0, 2.0, 4.0, 6.0]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"kind": "hang_before_headers", "probability": 1, "sticky": "window"}, "window_s: seconds with sticky=window"),
        ({"kind": "hang_before_headers", "probability": 1, "window_s": 9}, "window_s: seconds with sticky=window"),
        ({"kind": "connect_refused", "probability": 1, "sticky": "prompt"}, "sticky: connection or window"),
        ({"kind": "hang_before_headers", "probability": 1, "every": 0}, "greater than or equal to 1"),
        ({"kind": "stall", "probability": 1, "duration": 1, "position": "nowhere"}, "before_headers"),
        ({"kind": "stall", "probability": 1, "duration": 1, "position": "after_tokens"}, "tokens: 1 or more"),
        (
            {"kind": "rate_limit_storm", "probability": 1, "retry_after": "1\r\nx: y"},
            "retry_after: a header is one line",
        ),
        ({"kind": "no_such_fault", "probability": 1}, "no_such_fault"),
        ({"kind": "html_200", "probability": 1.5}, "less than or equal to 1"),
    ],
)
def test_what_makes_no_sense_is_refused(fault, message):
    """With the reason."""
    with pytest.raises(ValidationError, match=message):
        profile(fault)
