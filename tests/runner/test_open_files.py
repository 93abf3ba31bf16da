"""Limits of open files are looked at before a run begins, and raised where that is allowed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.config import compose
from harness.doctor import machine
from harness.runner import open_files

WINDOW = ["clock=real", "strategy.dispatch=window", "strategy.in_flight=300", "workload.batches=4"]

OPEN = "workload.arrivals={kind: poisson, rate: 10}"


def limited(soft: int, hard: int, code: str) -> subprocess.CompletedProcess[str]:
    """Python code in a process that may open so many files."""
    lowered = f"import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard})); {code}"
    return subprocess.run([sys.executable, "-c", lowered], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "most"),
    [
        ([], 100),
        (["workload.batch_size=30"], 30),
        (WINDOW, 300),
        ([*WINDOW, "workload.batches=2"], 200),
        ([*WINDOW, "strategy.max_connections=50"], 50),
        ([*WINDOW, "strategy=hedge_2"], 600),
        ([*WINDOW, "strategy.in_flight=3000", "workload.batches=30"], 1000),
        ([*WINDOW, "strategy.in_flight=3000", "workload.batches=30", "strategy.max_connections=auto"], 3000),
        (["clock=real", "strategy.dispatch=open", OPEN, "workload.batches=40"], 1000),
        (["clock=real", "strategy.dispatch=open", OPEN, "workload.batches=3"], 300),
        (["clock=real", "strategy.dispatch=open", OPEN, "workload.batches=40", "strategy.max_connections=auto"], 1000),
        (["clock=real", "strategy.dispatch=open", OPEN, "workload.batches=40", "strategy.max_connections=3000"], 3000),
        ([*WINDOW, "strategy.dispatch=aimd", "workload.batches=40"], 1000),
        ([*WINDOW, "strategy.dispatch=gradient", "workload.batches=40"], 1000),
    ],
)
def test_connections_follow_from_what_is_in_flight(words, most):
    """And from the copies that a strategy may send."""
    (cell,) = compose(None, words).cells
    assert open_files.connections(cell) == most


def test_every_client_of_a_trial_is_counted():
    """Shards have a pool each, and the server has the connections of all."""
    (cell,) = compose(None, [*WINDOW, "strategy.in_flight=3000", "workload.batches=30"]).cells
    assert [open_files.connections(cell, clients) for clients in (1, 2, 4)] == [1000, 2000, 3000]
    words = [*WINDOW, "strategy.in_flight=3000", "workload.batches=30", "engine=processes", "shards=2", "out=run"]
    found = limited(1500, 1500, f"from harness.cli import main; sys.exit(main({['run', *words]!r}))")
    assert (found.returncode, found.stderr) == (
        2,
        "error: cell article_none can have 2,000 connections open at once, and this system allows 1,500 open files in "
        "all: ulimit -n 2064, or lower in_flight or batch_size\n",
    )


def test_a_soft_limit_is_raised_as_far_as_is_needed():
    """Nobody has to type anything."""
    code = (
        "from harness.runner.open_files import raised; print(raised(500), resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    assert limited(100, 1000, code).stdout == "500 (500, 1000)\n"
    assert limited(100, 400, code).stdout == "400 (400, 400)\n"
    assert limited(600, 1000, code).stdout == "600 (600, 1000)\n"


def test_a_limit_that_is_too_low_is_told_before_anything_is_written(tmp_path):
    """One line with the command that raises it, exit code 2, and no run folder."""
    words = ["run", *WINDOW, f"out={tmp_path / 'run'}"]
    found = limited(200, 200, f"from harness.cli import main; sys.exit(main({words!r}))")
    assert found.returncode == 2
    assert found.stderr == (
        "error: cell article_none can have 300 connections open at once, and this system allows 200 open files in all: "
        "ulimit -n 364, or lower in_flight or batch_size\n"
    )
    assert not (tmp_path / "run").exists()


def test_virtual_time_opens_no_connections():
    """So that nothing limits it."""
    words = ["strategy.dispatch=window", "strategy.in_flight=300", "workload.batches=4"]
    code = (
        "from harness.config import compose; from harness.runner import check_open_files; "
        f"print(check_open_files(compose(None, {words!r})))"
    )
    found = limited(200, 200, code)
    assert found.stdout == "None\n", found.stderr


def test_the_doctor_looks_at_what_a_run_may_raise_it_to():
    """A soft limit is no reason to warn."""
    code = "from harness.doctor import machine; print(machine.open_files().status)"
    assert limited(100, 1000, code).stdout == "ok\n"
    assert limited(100, 200, code).stdout == "warn\n"
    assert machine.SPARE == open_files.SPARE
