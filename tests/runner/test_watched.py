"""What a run tells whoever watches it, beside its requests."""

from __future__ import annotations

import asyncio
import json
import multiprocessing

import pytest

from harness import clock
from harness.engines import Task, engine_named
from harness.runner import Silent, open_folder
from harness.runner.ticks import TICK_S, ticking
from harness.storage import RunFolder


class Notes(Silent):
    """Writes down what it hears, and may interrupt the run after `n` requests."""

    def __init__(self, n: int | None = None) -> None:
        self.heard: list[object] = []
        self._n = n

    def started(self, *, requests: int, recorded: int) -> None:
        self.heard.append(("started", requests, recorded))

    def recalled(self, outcomes) -> None:
        self.heard.append(("recalled", len(list(outcomes))))

    def finished(self, outcome) -> None:
        self.heard.append("finished")
        if self.heard.count("finished") == self._n:
            raise KeyboardInterrupt


def test_a_resumed_run_tells_what_is_on_disk(play, small):
    """Between its start and its first request."""
    from harness.runner import run

    _, folder = play(listener=Notes(7))
    notes = Notes()
    run(small(), RunFolder.open(folder.path), notes)
    assert notes.heard[:3] == [("started", 60, 7), ("recalled", 7), "finished"]
    assert notes.heard.count("finished") == 53


def test_a_new_run_recalls_nothing(play):
    """There is nothing on disk."""
    notes = Notes()
    play(listener=notes)
    assert notes.heard[:2] == [("started", 60, 0), "finished"]


def test_reading_the_records_is_shown(play, small):
    """By whatever the caller opens for it, closed before the run starts."""
    from contextlib import contextmanager

    from harness.runner import run

    _, folder = play()
    notes = Notes()

    @contextmanager
    def reading():
        notes.heard.append("opened")
        yield lambda share: None
        notes.heard.append("closed")

    run(small(), folder, notes, reading=reading)
    assert notes.heard[:3] == ["opened", "closed", ("started", 60, 60)]


def test_a_tick_comes_twice_a_second_while_a_trial_is_played():
    """And no more when it is over."""
    ticks: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def trial() -> None:
            await asyncio.sleep(4.5 * TICK_S)

        await ticking(trial, lambda: ticks.append(loop.time()))
        await asyncio.sleep(10 * TICK_S)

    clock.run(main, clock="virtual", livelock_limit=1000)
    assert len(ticks) == 4
    assert ticks[1] - ticks[0] == pytest.approx(TICK_S)


def test_a_trial_that_breaks_ends_its_ticks():
    """The error passes through."""

    async def breaks() -> None:
        raise ValueError("odd")

    async def main() -> None:
        with pytest.raises(ValueError, match="odd"):
            await ticking(breaks, lambda: None)
        assert len(asyncio.all_tasks()) == 1

    clock.run(main, clock="virtual", livelock_limit=1000)


def test_waiting_for_other_processes_is_told():
    """Here the result comes only because of it."""
    told = multiprocessing.get_context("fork").Event()

    def play(task: Task) -> bool:
        return told.wait(timeout=60)

    with engine_named("processes", most=1, options={}) as engine:
        assert list(engine.in_order(play, [Task(0, "cell")], idle=told.set)) == [True]


def test_a_run_resumed_with_more_trials_has_their_seeds_in_its_manifest(play, small, tmp_path):
    """Whoever watches it counts them; fewer take none away."""
    _, folder = play()
    for trials, seeds in ((3, [0, 1, 2]), (1, [0, 1, 2])):
        open_folder(small(f"out={folder.path}", "resume=true", f"trials={trials}"))
        assert json.loads((folder.path / "manifest.json").read_text())["seeds"] == seeds
