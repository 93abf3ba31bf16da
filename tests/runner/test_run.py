"""A run plays every trial of every cell and leaves a record of each request."""

import json
from pathlib import Path

import pytest

from harness.runner import Silent
from harness.storage import RunFolder
from tests.runner.conftest import outcomes


def lines(folder: RunFolder) -> list[str]:
    return (folder.path / "records.jsonl").read_text().splitlines()


def test_every_request_of_every_cell_and_trial_is_recorded(play):
    """Three cells x two trials x ten requests."""
    result, folder = play()
    assert result.exit_code == 0
    keys = {outcome.key for outcome in outcomes(folder)}
    assert keys == {
        (cell, trial, request)
        for cell in ("article_none", "article_10", "article_20")
        for trial in (0, 1)
        for request in range(10)
    }


def test_trials_are_the_outer_loop(play):
    """Drift of a real API must hit all cells alike."""
    _, folder = play()
    order = list(dict.fromkeys((outcome.trial, outcome.cell) for outcome in outcomes(folder)))
    cells = ("article_none", "article_10", "article_20")
    assert order == [(trial, cell) for trial in (0, 1) for cell in cells]


def test_trial_i_uses_seed_plus_i(play):
    """The seeds of a run can be named without its records."""
    _, folder = play("seed=40")
    assert {(o.trial, o.seed) for o in outcomes(folder)} == {(0, 40), (1, 41)}


def test_equal_seeds_give_equal_bytes(play):
    """Two runs of the same words write the same records."""
    _, first = play(out="first")
    _, second = play(out="second")
    assert lines(first) == lines(second)
    assert len(lines(first)) == 60


def test_another_seed_gives_other_records(play):
    """The seed reaches the server."""
    _, first = play(out="first")
    _, second = play("seed=1000", out="second")
    assert lines(first) != lines(second)


def test_all_cells_meet_the_same_server(play):
    """The first attempt of a request takes the same time in every cell of a trial, unless it was cut off."""
    _, folder = play("workload.batch_size=50")
    times: dict[tuple[int, int], set[float]] = {}
    for outcome in outcomes(folder):
        first = outcome.attempts[0]
        if first.outcome == "ok":
            times.setdefault((outcome.trial, outcome.request), set()).add(round(first.end_s - first.send_s, 6))
    assert len(times) == 200
    assert all(len(seen) == 1 for seen in times.values())


def test_batches_follow_one_another(play):
    """A batch is released when the one before it is done, not earlier."""
    _, folder = play()
    by_batch: dict[int, list] = {0: [], 1: []}
    for outcome in outcomes(folder):
        if outcome.cell == "article_none" and outcome.trial == 0:
            by_batch[outcome.batch].append(outcome)
    last_of_first = max(outcome.end_s for outcome in by_batch[0])
    assert {outcome.start_s for outcome in by_batch[1]} == {last_of_first}


def test_memory_sockets_and_direct_calls_agree(play):
    """The whole stack over in-memory sockets gives the instants of the direct transport."""

    def times(folder: RunFolder) -> list:
        return [
            (
                o.key,
                o.outcome,
                round(o.end_s, 6),
                [(a.outcome, round(a.send_s, 6), round(a.end_s, 6)) for a in o.attempts],
            )
            for o in sorted(outcomes(folder), key=lambda o: (o.cell, o.trial, o.request))
        ]

    _, direct = play("workload.batch_size=30", "network=direct", out="direct")
    _, memory = play("workload.batch_size=30", "network=memory", out="memory")
    assert times(direct) == times(memory)


class FailsAfter(Silent):
    """A listener that interrupts the run as Ctrl-C would, after `n` requests."""

    def __init__(self, n: int) -> None:
        self.left = n

    def finished(self, outcome) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("n", [1, 7, 10, 33, 59])
def test_a_resumed_run_ends_equal_to_an_uninterrupted_one(play, small, n):
    """Interrupted after any request, a run in virtual time continues to the same bytes."""
    from harness.runner import run

    _, whole = play(out="whole")
    result, part = play(out="part", listener=FailsAfter(n))
    assert result.exit_code == 130
    assert len(lines(part)) == n
    resumed = RunFolder.open(part.path)
    assert run(small(), resumed).exit_code == 0
    assert lines(whole) == lines(resumed)


def test_resuming_a_whole_run_plays_nothing(play, small):
    """What is on disk is not played again."""
    from harness.runner import run

    _, folder = play()
    before = lines(folder)
    run(small(), RunFolder.open(folder.path))
    assert before == lines(folder)


def test_a_run_stops_after_too_many_failures(play):
    """`max_failures` ends the run with what it has, exit code 3."""
    result, folder = play("matrix.strategy=[article_none]", "+matrix.timeout=[0.01]", "max_failures=3")
    assert result.exit_code == 3
    assert "max_failures=3" in result.stopped
    assert sum(not outcome.ok for outcome in outcomes(folder)) == 4


def test_a_stream_that_never_ends_loses_only_itself(play, tmp_path: Path):
    """A batch over its limit is cut, its open requests are `unfinished`, the other batches are played."""
    result, folder = play("batch_limit_s=5", "trials=1", "workload.batch_size=200", "matrix.strategy=[article_none]")
    ends = {outcome.outcome for outcome in outcomes(folder)}
    assert ends == {"ok", "unfinished"}
    assert len(outcomes(folder)) == 400
    assert result.exit_code == 3
    assert "batch_limit_s=5" in result.failed_cells["article_none"]


def test_records_are_on_disk_before_the_next_request_ends(play, tmp_path: Path):
    """A listener that reads the file after each request finds that request's line."""
    counts: list[int] = []

    class Reads(Silent):
        def finished(self, outcome) -> None:
            found = (tmp_path / "run" / "records.jsonl").read_text().splitlines()
            counts.append(len(found))
            assert json.loads(found[-1])["request"] == outcome.request

    play(listener=Reads())
    assert counts == list(range(1, 61))


@pytest.mark.parametrize("n", [3, 20, 41])
def test_a_run_in_parts_is_resumed_like_any_other(play, small, n):
    """Its parts together are the one file of a run that never finished a part, and its tables hold every request."""
    import gzip

    from harness.analysis import finish
    from harness.runner import open_folder, run

    words = ("records.rotate_mb=0.008",)
    _, whole = play(out="whole")
    result, part = play(*words, out="part", listener=FailsAfter(n))
    assert result.exit_code == 130
    resumed = open_folder(small(*words, f"out={part.path}", "resume=true"))
    assert run(small(*words), resumed).exit_code == 0
    packed = sorted(resumed.path.glob("records-*.jsonl.gz"))
    assert len(packed) > 2
    joined = b"".join(
        [*(gzip.decompress(path.read_bytes()) for path in packed), *[(part.path / "records.jsonl").read_bytes()]]
    )
    assert joined == (whole.path / "records.jsonl").read_bytes()
    assert finish(resumed) == finish(whole)
