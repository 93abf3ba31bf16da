"""Requests that come of themselves: each is released when it is due, and its time counts from then."""

import itertools

import pytest

from harness.analysis import summarise
from harness.config import compose
from harness.runner import open_folder, run
from tests.runner.conftest import outcomes

OPEN = ["workload=poisson", "workload.arrivals.rate=2", "trials=1", "report=false"]
SLOW = ["profile=long_answer", "strategy=single_loop", "strategy.timeout=off"]


def by_request(folder):
    return sorted(outcomes(folder), key=lambda one: one.request)


@pytest.mark.parametrize("network", ["direct", "memory"])
def test_requests_begin_when_they_are_due(play, small, network):
    """To the nanosecond in virtual time, whatever becomes of those before them."""
    result, folder = play(*OPEN, "strategy=restart_2", f"network={network}", name=None)
    due = list(small(*OPEN, name=None).settings.workload.instants(0))
    found = by_request(folder)
    assert (result.exit_code, len(found)) == (0, 10)
    assert [one.start_s for one in found] == due
    assert {one.released_s for one in found} == {None}
    assert b"released_s" not in (folder.path / "records.jsonl").read_bytes()


def test_every_strategy_meets_the_same_arrivals(play):
    """They depend on the seed of the trial, not on the cell."""
    _, folder = play(*OPEN, "trials=2", "matrix.strategy=[restart_2,two_copies]", name=None)
    starts = {(one.cell, one.trial, one.request): one.start_s for one in outcomes(folder)}
    for (cell, trial, request), start_s in starts.items():
        assert starts["restart_2", trial, request] == start_s, cell
    assert [starts["restart_2", 0, i] for i in range(10)] != [starts["restart_2", 1, i] for i in range(10)]


def test_who_waits_for_a_slot_waits_since_being_due(play):
    """With one in flight and slow answers, each begins when the one before it ends, and has waited since its start."""
    _, folder = play(*OPEN, *SLOW, "strategy.dispatch=window", "strategy.in_flight=1", name=None)
    found = by_request(folder)
    assert found[0].released_s is None
    for before, after in itertools.pairwise(found):
        assert after.released_s == before.end_s
        assert after.attempts[0].send_s == after.released_s
        assert after.start_s < after.released_s
        assert after.latency_s == pytest.approx(after.end_s - after.start_s)
    assert [one.start_s for one in found] == sorted(one.start_s for one in found)


def test_without_a_cap_nobody_waits(play):
    """However slow the answers are: ten requests that come within seconds are all under way at once."""
    _, folder = play(*OPEN, *SLOW, name=None)
    found = by_request(folder)
    assert max(one.start_s for one in found) < min(one.end_s for one in found)


def test_the_total_is_from_the_first_to_the_last(play):
    """One batch, from when the first request was due to the last end."""
    _, folder = play(*OPEN, "strategy=restart_2", name=None)
    [cell] = summarise(folder, bounds=False)["cells"]
    assert cell["total_s"]["per_trial"] == [max(one.end_s for one in outcomes(folder))]
    assert cell["strategy"]["dispatch"] == "open"


def test_times_scale_together(play):
    """Arrivals too."""
    _, whole = play(*OPEN, "strategy=restart_2", name=None, out="whole")
    _, tenth = play(*OPEN, "strategy=restart_2", "time_scale=0.1", name=None, out="tenth")
    expected = [one.start_s / 10 for one in by_request(whole)]
    assert [one.start_s for one in by_request(tenth)] == pytest.approx(expected, abs=1e-9)


def test_what_is_not_done_in_time_is_unfinished(play):
    """Those that waited for a slot among them; the limit counts from when the last was due."""
    words = [*OPEN, *SLOW, "strategy.dispatch=window", "strategy.in_flight=2", "batch_limit_s=30"]
    result, folder = play(*words, name=None)
    found = by_request(folder)
    assert result.exit_code == 3
    assert len(found) == 10
    cut = [one for one in found if one.outcome == "unfinished"]
    assert {one.end_s for one in cut} == {found[-1].start_s + 30}
    assert sum(not one.attempts for one in cut) > 0
    assert sum(bool(one.attempts) for one in cut) == 2


def test_too_many_failures_end_the_run_in_the_middle_of_a_schedule(play):
    """The rest is not sent."""
    words = [*OPEN, "profile=gateway_502", "strategy=restart_2", "strategy.max_retries=0", "max_failures=0"]
    result, folder = play(*words, "workload.arrivals.rate=0.01", "profile.faults.0.probability=1", name=None)
    assert result.exit_code == 3
    assert "max_failures" in (result.stopped or "")
    assert len(list(folder.outcomes())) == 1


def test_an_interrupted_schedule_is_replayed_from_its_start(play, tmp_path, small):
    """And ends with the same records as one that was not."""
    words = [*OPEN, "strategy=adaptive", "strategy.dispatch=window", "strategy.in_flight=2"]
    _, folder = play(*words, name=None)
    whole = (folder.path / "records.jsonl").read_bytes()
    (folder.path / "records.jsonl").write_bytes(b"".join(whole.splitlines(keepends=True)[:4]))
    again = small(*words, f"out={folder.path}", "resume=true", name=None)
    assert run(again, open_folder(again)).exit_code == 0
    assert (folder.path / "records.jsonl").read_bytes() == whole


def test_a_staggered_batch_starts_bit_by_bit(play):
    """Five requests over 10 s are 2 s apart, in each of the two batches; without, all begin at once."""
    _, folder = play("strategy=restart_2", "strategy.stagger_s=10", "trials=1", name=None)
    for batch in (0, 1):
        starts = sorted(one.start_s for one in outcomes(folder) if one.batch == batch)
        assert [start - starts[0] for start in starts] == pytest.approx([0, 2, 4, 6, 8])


def test_a_staggered_window_opens_bit_by_bit(play):
    """Of three slots the second opens after 2 s and the third after 4; then it is a window like any other."""
    words = [*SLOW, "strategy.dispatch=window", "strategy.in_flight=3", "strategy.stagger_s=6", "trials=1"]
    _, folder = play(*words, name=None)
    found = outcomes(folder)
    starts, ends = sorted(one.start_s for one in found), sorted(one.end_s for one in found)
    assert starts[:3] == [0.0, 2.0, 4.0]
    assert starts[3:] == ends[: len(starts) - 3]


def test_warm_up_requests_leave_no_trace(play):
    """They come before the trial's time begins, and its records are those of a run without them."""
    found = {}
    for warmup in (0, 5):
        words = [*OPEN, "strategy=restart_2", "network=memory", f"workload.warmup={warmup}"]
        _, folder = play(*words, name=None, out=f"warm{warmup}")
        found[warmup] = by_request(folder)
    assert [one.start_s for one in found[5]] == [one.start_s for one in found[0]]
    assert [one.end_s for one in found[5]] == pytest.approx([one.end_s for one in found[0]], abs=1e-8)


def test_warm_up_requests_count_in_the_budget():
    """A real API is asked, and billed, for one token each."""
    words = ["workload.batch_size=10", "strategy=restart_2", "strategy.max_retries=1", "workload.max_tokens=4"]
    cold, warm = (compose(None, [*OPEN, *words, f"workload.warmup={count}"]) for count in (0, 3))
    assert (cold.http_attempts_at_most(), cold.tokens_at_most()) == (20, 80)
    assert (warm.http_attempts_at_most(), warm.tokens_at_most()) == (23, 83)


def test_a_run_is_not_resumed_with_other_requests(tmp_path, small):
    """What was in the file is known by a digest; its text is nowhere in the run folder."""
    from harness.errors import UserError

    file = tmp_path / "my.jsonl"
    file.write_text('{"prompt": "a secret matter"}\n' * 10)
    words = ["strategy=restart_2", "trials=1", f"workload.file='{file}'", f"out={tmp_path / 'run'}"]
    experiment = small(*words, name=None)
    folder = open_folder(experiment)
    assert run(experiment, folder).exit_code == 0
    assert len(outcomes(folder)) == 10
    assert not any(b"secret" in path.read_bytes() for path in folder.path.rglob("*") if path.is_file())
    open_folder(small(*words, "resume=true", name=None))
    file.write_text('{"prompt": "something else"}\n' * 10)
    with pytest.raises(UserError, match="what is in the files of the workload"):
        open_folder(small(*words, "resume=true", name=None))


def test_the_mock_keeps_to_the_lengths_that_are_expected(play, tmp_path):
    """Each answer has as many tokens as its line says."""
    file = tmp_path / "my.jsonl"
    file.write_text('{"prompt": "x", "output_tokens": 3}\n{"prompt": "x", "output_tokens": 7, "max_tokens": 5}\n')
    words = ["strategy=restart_2", "trials=1", f"workload.file='{file}'", "workload.repeat=true"]
    _, folder = play(*words, name=None)
    assert [one.tokens for one in by_request(folder)] == [3, 5] * 5


@pytest.mark.slow
def test_in_real_time_requests_are_not_released_before_they_are_due(play):
    """Over real sockets, on one process and on two: each begins at its instant or soon after, and its time counts."""
    for engine in ("local", "processes"):
        words = [*OPEN, "workload.arrivals.rate=20", "strategy=restart_2", "clock=real", "time_scale=0.2"]
        result, folder = play(*words, f"engine={engine}", "workload.warmup=4", name=None, out=engine)
        found = by_request(folder)
        assert (result.exit_code, len(found)) == (0, 10)
        for one in found:
            assert one.start_s <= one.begun_s <= one.attempts[0].send_s <= one.end_s
