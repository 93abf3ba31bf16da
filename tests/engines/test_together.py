"""Processes that play at the same time begin at one instant, and what they tell arrives though they may die."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from harness import clock
from harness.engines import Task, WorkerLostError, engine_named
from harness.errors import UserError

TASKS = [Task(0, "cell", shard, 3) for shard in range(3)]


def together(play, tasks=TASKS, *, heard=lambda task, part: None, done=frozenset(), idle=lambda: None):
    """The results; nothing of it is left."""
    with engine_named("processes", most=None, options={}) as engine:
        try:
            return engine.at_once(play, tasks, heard=heard, again=lambda task: task.again(done), idle=idle)
        finally:
            assert multiprocessing.active_children() == []


def begun(stage) -> tuple[float, float, float]:
    """When a task was prepared, when all were to begin, and when it did, on the clock that processes share."""

    async def main() -> tuple[float, float, float]:
        prepared = time.monotonic()
        begins = await stage.begin()
        return prepared, begins, time.monotonic()

    return asyncio.run(main())


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_all_begin_at_one_instant_which_is_after_the_last_was_prepared():
    """Whoever is slow to prepare does not make the others begin alone."""

    def play(task, stage):
        time.sleep(0.2 * (task.shard == 1))
        return begun(stage)

    found = together(play)
    assert len({begins for _, begins, _ in found}) == 1
    assert all(begins > prepared for _, begins, _ in found for prepared, _, _ in found)
    assert all(began >= begins for _, begins, began in found)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_nobody_begins_before_the_instant(loop, monkeypatch):
    """uvloop's timers go by whole milliseconds and can fire before their time, whenever the word comes."""

    def play(task, stage):
        async def main() -> float:
            begins = await stage.begin()
            return asyncio.get_running_loop().time() - begins

        return clock.run(main, clock="real", event_loop=loop)

    late_s = []
    for tenth_ms in range(10):
        monkeypatch.setattr("harness.engines.together.LEAD_S", 0.02 + tenth_ms / 10_000)
        late_s += together(play)
    assert len(late_s) == 30
    assert min(late_s) >= 0


def test_results_are_in_the_order_of_the_tasks():
    """Each from a process of its own."""
    found = together(lambda task, stage: (task.shard, os.getpid(), begun(stage)))
    assert [shard for shard, _, _ in found] == [0, 1, 2]
    assert len({pid for _, pid, _ in found} | {os.getpid()}) == 4


def test_parts_arrive_while_a_task_goes_on():
    """It ends because its part was heard."""
    arrived = multiprocessing.get_context("fork").Event()
    heard = []

    def play(task, stage):
        begun(stage)
        stage.tell(f"part of {task.shard}")
        return arrived.wait(timeout=60)

    def hear(task, part):
        heard.append((task.shard, part))
        if len(heard) == 3:
            arrived.set()

    assert together(play, heard=hear) == [True, True, True]
    assert sorted(heard) == [(shard, f"part of {shard}") for shard in range(3)]


def test_waiting_for_a_word_is_told():
    """Here the result comes only because of it."""
    told = multiprocessing.get_context("fork").Event()
    assert together(lambda task, stage: told.wait(timeout=60), TASKS[:1], idle=told.set) == [True]


def test_a_worker_that_dies_is_replaced_and_what_it_told_stays():
    """The other worker gets the task without what was done, and begins at once, counted from the same instant."""
    heard = []

    def play(task, stage):
        times = begun(stage)
        if task.shard == 2 and not task.lost:
            stage.tell("told before")
            die()
        return times, task.done

    found = together(play, heard=lambda task, part: heard.append(part), done=frozenset({7}))
    assert heard == ["told before"]
    assert [done for _, done in found] == [frozenset(), frozenset(), frozenset({7})]
    assert len({begins for (_, begins, _), _ in found}) == 1


def test_a_worker_that_dies_before_the_others_begin_holds_nobody_up():
    """It is replaced while they wait."""

    def play(task, stage):
        if task.shard == 0 and task.lost < 2:
            die()
        return begun(stage) and task.lost

    assert together(play) == [2, 0, 0]


def test_a_task_that_has_nothing_left_to_do_holds_nobody_up():
    """It ends without having begun."""
    assert together(lambda task, stage: task.shard == 1 or bool(begun(stage))) == [True, True, True]


def test_a_task_whose_workers_die_for_good_ends_the_others_in_one_line():
    """The line names the task and how its workers died."""

    def play(task, stage):
        if task.shard == 1:
            die()
        begun(stage)
        time.sleep(600)

    with pytest.raises(WorkerLostError) as error:
        together(play)
    assert "killed by SIGKILL" in str(error.value)
    assert "trial 0 of cell, shard 2 of 3" in str(error.value)
    assert "\n" not in str(error.value)


def test_what_a_task_raises_passes_through_and_ends_the_others():
    """With its type and its words."""

    def play(task, stage):
        if task.shard == 1:
            raise UserError("odd")
        time.sleep(600)

    with pytest.raises(UserError, match="odd"):
        together(play)


def test_what_the_listener_raises_ends_all():
    """As Ctrl-C does, or too many failures."""

    def play(task, stage):
        stage.tell(task.shard)
        time.sleep(600)

    def hear(task, part):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        together(play, heard=hear)


def test_workers_end_with_whoever_started_them():
    """kill -9 of the parent: each notices by itself, also one that has nothing to tell."""
    code = """
import asyncio, os, sys
from harness import clock
from harness.engines import Task, engine_named

def play(task, stage):
    async def main():
        await stage.begin()
        os.write(1, b"%d\\n" % os.getpid())
        await asyncio.sleep(600)
    asyncio.run(main())

with engine_named("processes", most=None, options={}) as engine:
    tasks = [Task(0, "cell", shard, 2) for shard in range(2)]
    engine.at_once(play, tasks, heard=print, again=lambda task: task, idle=lambda: None)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pids = [int(process.stdout.readline()) for _ in range(2)]
    process.kill()
    # Their copies of the pipe are closed when they are gone.
    assert process.stdout.read() == ""
    process.wait()
    process.stdout.close()
    assert len(set(pids)) == 2
