"""What a record says and how it survives the way to disk and back."""

import json
from dataclasses import asdict, replace

import pytest

from harness.records import SCHEMA_VERSION, Attempt, Outcome, Request, rounded

FIRST = Attempt(attempt=1, kind="first", outcome="timeout", send_s=1.0, end_s=11.0, error="ReadTimeout")
SECOND = Attempt(attempt=2, kind="retry", outcome="ok", send_s=11.5, end_s=13.0, headers_s=12.4, first_content_s=12.5)
OUTCOME = Outcome(
    experiment="e", cell="c", trial=2, seed=7, batch=1, request=130, outcome="ok", start_s=1.0, end_s=13.0,
    tokens=1, finish_reason="stop", attempts=(FIRST, SECOND),
)  # fmt: skip


def test_a_record_survives_the_way_to_disk_and_back():
    """Reading what to_json wrote gives an equal outcome."""
    assert Outcome.from_dict(json.loads(OUTCOME.to_json())) == OUTCOME


def test_a_line_is_the_record_field_by_field():
    """In the order of the fields, those of attempts nested: a new field is in the line without further ado."""
    attempts = tuple(replace(attempt, admitted_s=1.0, first_byte_s=2.0) for attempt in OUTCOME.attempts)
    outcome = replace(OUTCOME, released_s=1.5, lag_s=0.25, take=1, error="é", attempts=attempts)
    fields = {"schema": SCHEMA_VERSION, **asdict(outcome)}
    assert outcome.to_json() == json.dumps(fields, separators=(",", ":"), ensure_ascii=False)


def test_a_line_has_no_room_for_what_does_not_apply():
    """In virtual time no loop is late and no pool is told of: records are what they were before there were these."""
    line = OUTCOME.to_json()
    assert '"error":null' in line
    assert not any(name in line for name in ("released_s", "lag_s", "take", "admitted_s", "first_byte_s"))


def test_a_line_carries_its_schema_version():
    """Every line names the version of its format."""
    assert json.loads(OUTCOME.to_json())["schema"] == SCHEMA_VERSION


def test_a_line_of_another_schema_is_refused():
    """A record of a later format is not guessed at."""
    line = json.loads(OUTCOME.to_json()) | {"schema": SCHEMA_VERSION + 1}
    with pytest.raises(ValueError, match="schema 2, this version reads schema 1"):
        Outcome.from_dict(line)


def test_latency_counts_from_the_wish_of_the_caller():
    """Latency and TTFT of a request include the attempts that failed; TTFT of an attempt does not."""
    assert (OUTCOME.latency_s, OUTCOME.ttft_s, SECOND.ttft_s) == (12.0, 11.5, 1.0)


def test_a_request_without_content_has_no_ttft():
    """No content, no time to it, whether attempts were made or not."""
    assert replace(OUTCOME, attempts=(FIRST,)).ttft_s is None
    assert replace(OUTCOME, attempts=()).ttft_s is None


def test_only_ok_is_a_success():
    """A truncated answer is a failure."""
    assert OUTCOME.ok
    assert not replace(OUTCOME, outcome="truncated").ok


def test_instants_are_kept_to_a_nanosecond():
    """Rounding hides the last bits, in which equal runs could differ."""
    assert rounded(0.1 + 0.2) == 0.3
    assert rounded(None) is None


def test_a_request_is_named_by_its_place_in_the_workload():
    """The key does not depend on how the workload is cut into batches."""
    assert Request(index=317, messages=()).key == "317"
