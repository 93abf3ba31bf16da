"""kill -9 of a run at any moment: nothing finished is lost, and continued it ends as if nothing had been."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.endurance.commands import (
    PATIENCE_S,
    assert_equal_runs,
    called,
    children,
    is_alive,
    keyed,
    killed,
    lines,
    started,
    status,
    waited_for,
    written,
)

#: Three cells, two trials of four batches of twenty requests.
WORDS = ["run", "article", "trials=2", "workload.batches=4", "workload.batch_size=20", "profile=incident"]
REQUESTS = 3 * 2 * 4 * 20

#: A moment: gives True when it has come, False when the run was over before.
Moment = Callable[[Path, Any], bool]


def while_starting(dice: random.Random) -> Moment:
    """Within the second in which settings are composed and the folder is made."""
    delay = dice.uniform(0.0, 1.0)
    return lambda path, process: _let_pass(delay, process)


def while_playing(dice: random.Random) -> Moment:
    """So many further records after this process has begun, and a little later."""
    further, delay = dice.randint(1, 60), dice.choice([0.0, dice.uniform(0.0, 0.03)])

    def come(path: Path, process: Any) -> bool:
        wanted = min(REQUESTS, written(path) + further)
        return waited_for(lambda: written(path) >= wanted, process) and _let_pass(delay, process)

    return come


def while_finishing(dice: random.Random) -> Moment:
    """After the last request: summary, tables, Parquet and the report are written then."""
    delay = dice.uniform(0.0, 2.5)

    def come(path: Path, process: Any) -> bool:
        over = waited_for(lambda: written(path) == REQUESTS and status(path) == "complete", process)
        return over and _let_pass(delay, process)

    return come


def _let_pass(seconds: float, process: Any) -> bool:
    deadline = time.monotonic() + seconds
    return waited_for(lambda: time.monotonic() >= deadline, process)


def killed_at(moments: list[Moment], path: Path, words: list[str]) -> int:
    """Continue a run until each moment has come, and kill it then: how often that was.

    Checks after every kill that what was whole on disk is there still, in its place.
    """
    kills, before = 0, lines(path)
    for moment in moments:
        resumed = ["resume=true"] if path.is_dir() else []
        process = started(path.parent, [*words, f"out={path.name}", *resumed])
        came = moment(path, process)
        seen = lines(path)
        if came:
            kills += 1
        else:
            _, err = process.communicate(timeout=PATIENCE_S)
            assert process.returncode == 0, err
        killed(process)
        after = lines(path)
        assert seen[: len(before)] == before
        assert after[: len(seen)] == seen
        before = after
    return kills


def moments_of(seed: int, *, starting: int, playing: int, finishing: int) -> list[Moment]:
    """Moments in the order in which a run meets them, but that some of the start come in between."""
    dice = random.Random(seed)
    middle = [while_playing(dice) for _ in range(playing)]
    for _ in range(starting):
        middle.insert(dice.randint(0, playing), while_starting(dice))
    return [*middle, *(while_finishing(dice) for _ in range(finishing))]


def ends_equal(tmp_path: Path, moments: list[Moment], words: list[str]) -> int:
    """Kill at the moments, continue to the end, compare with a run that nobody touched: how often it was killed."""
    part, whole = tmp_path / "part", tmp_path / "whole"
    kills = killed_at(moments, part, words)
    code, _, err = called(tmp_path, [*words, "out=part", "resume=true"])
    assert code == 0, err
    code, _, err = called(tmp_path, [*words, "out=whole"])
    assert code == 0, err
    assert len(lines(whole)) == REQUESTS
    assert_equal_runs(part, whole)
    for name in ("index.html", "report.md"):
        assert (part / "report" / name).stat().st_size > 1_000
    assert (part / "report/tables/cells.csv").read_bytes() == (whole / "report/tables/cells.csv").read_bytes()
    return kills


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "processes"])
def test_killed_a_few_times_a_run_ends_as_if_nothing_had_been(tmp_path: Path, engine):
    """One run, killed while it starts, plays and writes its results, and continued each time."""
    moments = moments_of(3, starting=1, playing=3, finishing=2)
    assert ends_equal(tmp_path, moments, [*WORDS, f"engine={engine}"]) >= 5


@pytest.mark.soak
@pytest.mark.parametrize("engine", ["local", "processes"])
def test_killed_fifty_times_a_run_ends_as_if_nothing_had_been(tmp_path: Path, engine):
    """Minutes: 50 moments of one run."""
    moments = moments_of(50, starting=12, playing=23, finishing=15)
    assert ends_equal(tmp_path, moments, [*WORDS, f"engine={engine}"]) >= 40


def test_a_run_killed_before_it_has_said_what_it_is_can_begin_anew(harness, tmp_path: Path):
    """Its folder holds nothing: both the same command again and resume=true play it."""
    small = ["run", "article", "trials=1", "workload.batches=1", "workload.batch_size=2", "report=false"]
    for words in ([], ["resume=true"]):
        folder = tmp_path / f"run{len(words)}"
        folder.mkdir()
        (folder / "records.jsonl").touch()
        (folder / "config.yaml").write_text("half: ")
        (folder / ".manifest.json.partial").write_text("{")
        code, _, err = harness(*small, f"out={folder}", *words)
        assert code == 0, err
        assert len(lines(folder)) == 6


def test_a_folder_with_anything_else_in_it_is_not_begun_anew(harness, tmp_path: Path):
    """Records without a manifest are somebody's, and a file of another name too."""
    for name, text in (("records.jsonl", "{}\n"), ("notes.txt", "")):
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        (folder / "records.jsonl").touch()
        (folder / name).write_text(text)
        code, _, err = harness("run", "article", f"out={folder}")
        assert (code, "is not empty" in err) == (2, True)
        assert (folder / name).read_text() == text


@pytest.mark.slow
def test_killed_in_real_time_a_run_keeps_its_batches_and_is_completed(tmp_path: Path):
    """Over sockets: whole batches stay as they are, broken ones are played again, and no process is left over."""
    path = tmp_path / "run"
    words = ["run", "strategy=article_10", "profile=calm", "time_scale=0.05", "clock=real", "report=false"]
    words += ["workload.batches=6", "workload.batch_size=10", "out=run"]
    dice, before, left = random.Random(6), [], []
    for kill in range(3):
        process = started(tmp_path, [*words, *(["resume=true"] if kill else [])])
        wanted = len(before) + dice.randint(1, 12)
        assert waited_for(lambda wanted=wanted: written(path) >= wanted, process), process.stderr.read()
        left += children(process.pid)
        killed(process)
        after = lines(path)
        assert after[: len(before)] == before
        before = after
    code, _, err = called(tmp_path, [*words, "resume=true"])
    assert code == 0, err
    after = lines(path)
    assert after[: len(before)] == before
    assert keyed(after).keys() == {("article_10", 0, request) for request in range(60)}
    assert all(one["outcome"] == "ok" for one in keyed(after).values())
    # A batch that was whole when the run was killed is not played again.
    played: dict[tuple[int, int], list[int]] = {}
    for one in before:
        played.setdefault((one["batch"], one.get("take", 0)), []).append(one["request"])
    whole = [batch for (batch, _), requests in played.items() if len(set(requests)) == 10]
    assert [one for one in after[len(before) :] if one["batch"] in whole] == []
    assert left
    assert waited_for(lambda: not any(map(is_alive, left)))


@pytest.mark.slow
def test_no_worker_outlives_a_run_that_was_killed(tmp_path: Path):
    """Nobody would end them, and they hold memory and cores."""
    path = tmp_path / "run"
    process = started(tmp_path, [*WORDS, "trials=20", "engine=processes", "out=run"])
    assert waited_for(lambda: written(path) > 100, process), process.stderr.read()
    workers = children(process.pid)
    assert workers
    killed(process)
    assert waited_for(lambda: not any(map(is_alive, workers)))
