"""A script is a list of instants that faults edit."""

import math

import pytest

from harness.scripts import NEVER, Event, Script

NAMES = ("headers", "role", "token", "token", "finish", "done")
SCRIPT = Script(tuple(Event(name, float(second)) for second, name in enumerate(NAMES, start=1)))


def instants(script: Script) -> list[float]:
    return [event.at_s for event in script.events]


@pytest.mark.parametrize("index", range(len(NAMES) + 1))
def test_a_delay_moves_one_event_and_all_later_ones(index):
    """What comes before it stays where it was; behind the last event there is nothing to move."""
    expected = [at + 10 if number >= index else at for number, at in enumerate(instants(SCRIPT))]
    assert instants(SCRIPT.delayed_from(index, 10.0)) == expected


def test_a_delay_leaves_the_original_alone():
    """Two faults can be tried on one script."""
    before = instants(SCRIPT)
    assert instants(SCRIPT.delayed_from(0, 10.0)) != before
    assert instants(SCRIPT) == before


def test_delays_add_up():
    """Three seconds from one event on and four from another are seven for what follows both."""
    assert instants(SCRIPT.delayed_from(1, 3.0).delayed_from(3, 4.0)) == [1, 5, 6, 11, 12, 13]


def test_a_delay_for_ever_stays_for_ever():
    """Later delays do not bring back what never comes."""
    assert instants(SCRIPT.delayed_from(2, NEVER).delayed_from(0, 5.0)) == [6, 7, *[math.inf] * 4]


@pytest.mark.parametrize(
    ("name", "occurrence", "index"),
    [("headers", 1, 0), ("token", 1, 2), ("token", 2, 3), ("token", 3, 6), ("usage", 1, 6), ("done", 1, 5)],
)
def test_an_event_is_found_by_name_and_number(name, occurrence, index):
    """Where there are fewer, the place is behind the last event."""
    assert SCRIPT.index_of(name, occurrence) == index


def test_the_end_is_the_last_instant():
    """A script that never ends, ends at infinity."""
    assert SCRIPT.end_s == 6.0
    assert SCRIPT.delayed_from(5, NEVER).end_s == math.inf


def test_without_streaming_headers_and_body_leave_when_all_is_done():
    """Nothing comes earlier, and the name of the fault is kept."""
    whole = Script(SCRIPT.events, fault="stall").all_at_the_end()
    assert [event.name for event in whole.events][:2] == ["headers", "done"]
    assert set(instants(whole)) == {6.0}
    assert whole.fault == "stall"
