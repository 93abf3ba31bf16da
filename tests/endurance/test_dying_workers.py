"""kill -9 of a worker of engine=processes, seen from outside: the run goes on, or says in one line why it does not."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.endurance.commands import (
    PATIENCE_S,
    assert_equal_runs,
    called,
    children,
    is_alive,
    started,
    status,
    waited_for,
    written,
)

WORDS = ["run", "article", "trials=6", "workload.batches=4", "workload.batch_size=20", "report=false"]


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_its_task_played_again(tmp_path: Path):
    """Exit 0, equal to a run of one process."""
    process = started(tmp_path, [*WORDS, "engine=processes", "out=run"])
    for wanted in (1, 600):
        assert waited_for(lambda wanted=wanted: written(tmp_path / "run") >= wanted, process)
        for worker in children(process.pid)[:1]:
            os.kill(worker, signal.SIGKILL)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    code, _, err = called(tmp_path, [*WORDS, "engine=local", "out=whole"])
    assert code == 0, err
    assert_equal_runs(tmp_path / "run", tmp_path / "whole")


@pytest.mark.slow
def test_workers_that_die_every_time_end_the_run_which_goes_on_later(tmp_path: Path):
    """Exit 3, one line, nobody left over; without whoever killed them the run is completed."""
    process = started(tmp_path, [*WORDS, "engine=processes", "out=run"])
    before: list[int] = []

    def kill_all() -> bool:
        for worker in children(process.pid):
            before.append(worker)
            try:
                os.kill(worker, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return process.poll() is not None

    assert waited_for(kill_all)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 3, err
    assert "Traceback" not in err
    assert "worker processes died" in err
    assert "continue with: harness run" in err
    assert status(tmp_path / "run") == "incomplete"
    assert not any(map(is_alive, before))
    for out, more in (("run", ["resume=true"]), ("whole", [])):
        code, _, err = called(tmp_path, [*WORDS, f"out={out}", *more])
        assert code == 0, err
    assert_equal_runs(tmp_path / "run", tmp_path / "whole")
