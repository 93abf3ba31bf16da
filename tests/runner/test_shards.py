"""A trial that is cut into shards reads like one trial, and in virtual time the same on every engine."""

from __future__ import annotations

import multiprocessing
import os
import signal
from types import SimpleNamespace

import pytest

from harness.analysis import finish
from harness.config import compose
from harness.engines import cores
from harness.errors import UserError
from harness.records import Outcome
from harness.runner import RunResult, Silent, run
from harness.runner.recorded import Recorded
from harness.runner.tasks import tasks_left
from harness.runner.ways import Desk, play_at_once
from harness.storage import RunFolder
from harness.strategies.base import Strategy
from tests.runner.conftest import outcomes

WINDOW = ["strategy.dispatch=window", "strategy.in_flight=7", "workload.batches=1", "workload.batch_size=40"]
#: Answers after 0.2 s, in real time.
REAL = [*WINDOW, "clock=real", "profile=instant", "profile.first_content={kind: constant, value: 0.2}", "trials=1"]


def lines(folder: RunFolder) -> list[str]:
    return (folder.path / "records.jsonl").read_text().splitlines()


def test_in_virtual_time_a_trial_is_whole_by_default(play):
    """Results must not depend on the number of cores."""
    _, plain = play(*WINDOW, "engine=local", name=None, out="plain")
    _, one = play(*WINDOW, "engine=processes", "shards=1", name=None, out="one")
    assert lines(plain) == lines(one)


def test_the_same_shards_give_the_same_bytes_on_every_engine(play):
    """Here and in processes; other shards give other records."""
    words = [*WINDOW, "shards=3"]
    result, here = play(*words, "engine=local", name=None, out="here")
    cell = outcomes(here)[0].cell
    assert result.played_by == {"engine": "local", "workers": 1, "shards": {cell: 3}}
    _, there = play(*words, "engine=processes", name=None, out="there")
    assert len(lines(here)) == 80
    assert lines(here) == lines(there)
    _, other = play(*WINDOW, "shards=2", name=None, out="other")
    assert sorted(lines(here)) != sorted(lines(other))


def test_shards_are_every_so_many_th_request_and_together_all(play):
    """Each once, shard after shard."""
    _, folder = play(*WINDOW, "shards=3", "trials=1", name=None)
    found = [outcome.request for outcome in outcomes(folder)]
    assert sorted(found) == list(range(40))
    assert sorted(found[:14]) == list(range(0, 40, 3))


def test_a_shard_has_its_part_of_the_window(play):
    """Of 7 in flight 3 begin at once in the first of three shards, and 2 in the others."""
    _, folder = play(*WINDOW, "shards=3", "trials=1", name=None)
    first = sorted(outcome.request for outcome in outcomes(folder) if outcome.start_s == 0)
    assert first == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("n", [1, 13, 14, 15, 45, 79])
def test_a_run_in_shards_can_be_resumed_anywhere(play, small, n):
    """Interrupted after any request, it continues to the same bytes."""

    class Interrupts(Silent):
        left = n

        def finished(self, outcome):
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt

    words = [*WINDOW, "shards=3"]
    _, whole = play(*words, name=None, out="whole")
    result, part = play(*words, name=None, out="part", listener=Interrupts())
    assert result.exit_code == 130
    assert len(lines(part)) == n
    assert run(small(*words, name=None), RunFolder.open(part.path)).exit_code == 0
    assert lines(part) == lines(whole)


def test_parts_of_a_strategy_come_to_the_whole():
    """What is limited in number is shared out, and nobody gets nothing."""
    strategy = compose(None, [*WINDOW, "strategy.max_connections=2"]).cells[0].strategy
    parts: list[Strategy] = [strategy.shared(shard, 3) for shard in range(3)]
    assert [part.in_flight for part in parts] == [3, 2, 2]
    assert [part.max_connections for part in parts] == [1, 1, 1]
    assert strategy.shared(0, 1) is strategy


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["shards=2"], "shards=2 needs dispatch=window: with dispatch=gather the requests of cell article_none"),
        (["shards=2", "strategy.dispatch=aimd"], "with dispatch=aimd the requests of cell article_none cannot be"),
        ([*WINDOW, "shards=8"], "shards=8: cell article_none has 40 requests, 7 of them in flight"),
        ([*WINDOW, "shards=2", "clock=real", "engine=local"], "shards=2 with clock=real needs engine=processes"),
        (["shards=many"], "shards: a number of shards, or auto"),
        (["shards=0"], "shards: "),
    ],
)
def test_what_cannot_be_cut_is_refused(words, message):
    """In one line, before anything is written."""
    with pytest.raises(UserError) as error:
        compose(None, words)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


class Notes(Silent):
    """Writes down what it hears, and does something after the n-th request."""

    def __init__(self, n: int = 0, act=lambda: None) -> None:
        self.heard: list[object] = []
        self._n, self._act = n, act

    def trial_started(self, *, cell, trial, trials, batches):
        self.heard.append(("trial", trial))

    def batch_started(self, *, batch, requests):
        self.heard.append(("batch", batch, requests))

    def finished(self, outcome):
        self.heard.append(outcome.request)
        if self.heard.count(outcome.request) and len(self.requests) == self._n:
            self._act()

    @property
    def requests(self) -> list[object]:
        return [one for one in self.heard if isinstance(one, int)]


def interrupt() -> None:
    raise KeyboardInterrupt


def kill_a_worker() -> None:
    os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)


@pytest.mark.slow
def test_in_real_time_processes_play_one_trial_together(play):
    """Every request once, counted from one instant, in the time that one window takes; both loops were looked at."""
    notes = Notes()
    result, folder = play(*REAL, "engine=processes", "shards=2", name=None, listener=notes)
    assert result.exit_code == 0
    found = outcomes(folder)
    assert sorted(outcome.request for outcome in found) == list(range(40))
    assert [outcome for outcome in found if not outcome.ok] == []
    assert min(outcome.start_s for outcome in found) >= 0
    # Seven in flight, 40 requests of 0.2 s: six rounds, of which a shard alone would need more.
    assert max(outcome.end_s for outcome in found) >= 1.2
    assert notes.heard[0] == ("trial", 0)
    assert ("batch", 0, 40) in notes.heard
    assert result.client_timing is not None
    assert result.server_timing is not None
    assert result.played_by == {"engine": "processes", "workers": cores(), "shards": {found[0].cell: 2}}


@pytest.mark.slow
def test_real_time_trials_follow_one_another(play):
    """Only the shards of one trial are played at once, so that trials do not disturb each other."""
    notes = Notes()
    result, folder = play(*REAL, "trials=2", "engine=processes", "shards=2", name=None, listener=notes)
    assert result.exit_code == 0
    assert len(outcomes(folder)) == 80
    assert [outcome.trial for outcome in outcomes(folder)] == [0] * 40 + [1] * 40
    assert notes.heard.index(("trial", 1)) > 40


@pytest.mark.slow
def test_a_batch_that_is_awaited_as_a_whole_is_played_by_one_process(play):
    """`shards: auto` leaves `gather` alone."""
    words = [word for word in REAL if "in_flight" not in word]
    words += ["strategy.dispatch=gather", "workload.batches=2", "workload.batch_size=5"]
    notes = Notes()
    result, folder = play(*words, "engine=processes", name=None, listener=notes)
    assert result.exit_code == 0
    assert sorted(outcome.request for outcome in outcomes(folder)) == list(range(10))
    assert [one for one in notes.heard if isinstance(one, tuple)] == [("trial", 0), ("batch", 0, 5), ("batch", 1, 5)]


@pytest.mark.slow
def test_requests_are_on_disk_long_before_their_shard_ends(play, tmp_path):
    """Whoever watches hears of them while others are under way."""
    sizes = []
    notes = Notes(5, lambda: sizes.append((len(lines(RunFolder(tmp_path / "run"))), multiprocessing.active_children())))
    play(*REAL, "engine=processes", "shards=2", name=None, listener=notes)
    assert sizes[0][0] == 5
    assert len(sizes[0][1]) == 2


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing(play):
    """Another one plays what is missing, counted from the same start."""
    result, folder = play(*REAL, "engine=processes", "shards=2", name=None, listener=Notes(10, kill_a_worker))
    assert result.exit_code == 0
    assert result.replaced.total() == 1
    (note,) = [note for note in finish(folder)["warnings"] if note["code"] == "worker_replaced"]
    assert note["message"] == "1 process that played article_none died and had to be replaced"
    assert {outcome.request for outcome in outcomes(folder)} == set(range(40))
    assert all(outcome.ok for outcome in outcomes(folder))


@pytest.mark.slow
def test_real_shards_are_interrupted_and_resumed(play, small):
    """Ctrl-C keeps what was heard; resumed, every request has its record and no other process is left."""
    words = [*REAL, "engine=processes", "shards=2"]
    result, folder = play(*words, name=None, listener=Notes(9, interrupt))
    assert result.exit_code == 130
    assert multiprocessing.active_children() == []
    before = lines(folder)
    assert 9 <= len(before) < 40
    notes = Notes()
    assert run(small(*words, name=None), RunFolder.open(folder.path), notes).exit_code == 0
    assert sorted(outcome.request for outcome in outcomes(folder)) == list(range(40))
    assert ("batch", 0, 40 - len(before)) in notes.heard


def test_ctrl_c_keeps_failures_that_were_just_heard(small):
    """Nobody knows yet whether the server was at fault, and it is still there."""
    experiment, kept = small(*REAL, "engine=processes", name=None), []
    (task,) = tasks_left(experiment, Recorded(), 1)
    failed = Outcome("e", task.cell, 0, 0, 0, 0, "timeout", 0.0, 1.0)

    def at_once(play, tasks, *, heard, again, idle):
        heard(task, [failed])
        assert kept == []
        interrupt()

    engine = SimpleNamespace(here=False, workers=1, notice=None, in_order=at_once, at_once=at_once)
    with pytest.raises(KeyboardInterrupt):
        play_at_once(engine, [task], Desk(experiment, Recorded(), kept.append, RunResult(), Silent()))
    assert kept == [failed]


@pytest.mark.slow
def test_max_failures_ends_real_shards(play):
    """Exit code 3, and what failed is on disk."""
    words = [*REAL, "strategy.timeout=0.05", "engine=processes", "shards=2", "max_failures=3"]
    result, folder = play(*words, "strategy=sdk_default", "strategy.max_retries=0", name=None)
    assert result.exit_code == 3
    assert "max_failures=3" in result.stopped
    assert len(outcomes(folder)) == 4
    assert multiprocessing.active_children() == []
