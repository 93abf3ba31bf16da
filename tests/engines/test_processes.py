"""Processes of this machine play tasks in order, and a worker that dies loses nothing."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from harness.engines import Task, WorkerLostError, engine_named

TASKS = [Task(trial, "cell") for trial in range(20)]


def played(play, tasks=TASKS, *, most=2, idle=lambda: None):
    with engine_named("processes", most=most, options={}) as engine:
        return list(engine.in_order(play, tasks, idle=idle))


def kill_once(mark: Path) -> None:
    """The first process that comes here dies as if the system had killed it."""
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def test_results_come_in_the_order_of_the_tasks():
    """Also where an earlier one takes longer."""

    def play(task: Task) -> int:
        time.sleep(0.05 if task.trial == 0 else 0)
        return task.trial

    assert played(play) == list(range(20))


def test_tasks_are_played_by_other_processes():
    """None of them by this one."""
    assert os.getpid() not in played(lambda task: os.getpid())


def test_a_worker_that_dies_is_replaced_and_its_task_played_again(tmp_path):
    """Nothing is missing, nothing comes twice."""

    def play(task: Task) -> int:
        if task.trial == 7:
            kill_once(tmp_path / "mark")
        return task.trial

    assert played(play) == list(range(20))
    assert (tmp_path / "mark").exists()


def test_what_was_played_before_a_death_is_not_played_again(tmp_path):
    """The results that other workers gave already stay."""

    def play(task: Task) -> int:
        (tmp_path / f"{task.trial}-{time.monotonic_ns()}").touch()
        if task.trial == 0:
            # Its result is waited for, while the other worker goes on.
            while len(list(tmp_path.glob("[1-7]-*"))) < 6:
                time.sleep(0.01)
            time.sleep(0.2)
            kill_once(tmp_path / "mark")
        return task.trial

    assert played(play) == list(range(20))
    assert len(list(tmp_path.glob("3-*"))) == 1
    assert len(list(tmp_path.glob("0-*"))) == 2


def test_a_task_that_kills_every_worker_ends_the_run_in_one_line():
    """Results of before it have been given; the line names the task and how its workers died."""

    def play(task: Task) -> int:
        if task.trial == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return task.trial

    with engine_named("processes", most=2, options={}) as engine:
        results = engine.in_order(play, TASKS, idle=lambda: None)
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(WorkerLostError) as error:
            next(results)
    assert "killed by SIGKILL" in str(error.value)
    assert "trial 3 of cell" in str(error.value)
    assert "\n" not in str(error.value)


def test_what_a_task_raises_passes_through():
    """With its type."""

    def play(task: Task) -> int:
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        played(play)


def test_no_more_is_played_ahead_than_is_allowed(tmp_path):
    """Whoever takes results slowly does not have all others in memory."""

    def play(task: Task) -> int:
        (tmp_path / str(task.trial)).touch()
        return task.trial

    with engine_named("processes", most=1, options={}) as engine:
        results = engine.in_order(play, TASKS, idle=lambda: None)
        assert next(results) == 0
        time.sleep(0.2)
        assert not (tmp_path / "10").exists()
        assert list(results) == list(range(1, 20))
    assert (tmp_path / "19").exists()
