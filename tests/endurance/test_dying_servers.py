"""The run's own mock server dies: no failure of a strategy, so it is not recorded as one."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from harness import clock
from harness.errors import StoppedError
from harness.runner.guard import LOOK_S, Guard
from tests.endurance.commands import (
    PATIENCE_S,
    called,
    children,
    command_line,
    keyed,
    lines,
    started,
    status,
    waited_for,
    written,
)
from tests.folders import outcome

OK = outcome("c", 0, 0, 0, 0.0, 1.0)
FAILED = outcome("c", 0, 0, 1, 0.0, 1.0, outcome="connection_error")


class Server:
    """One that is there until it is told to die."""

    how: str | None = None

    def ended(self) -> str | None:
        return self.how


def guarded(play, server: Server) -> list:
    """What is kept of a trial that `play` plays in virtual time."""
    kept: list = []

    async def main() -> None:
        guard = Guard(kept.append, server.ended, clock=asyncio.get_running_loop().time)
        await guard.around(lambda: play(guard, kept))

    clock.run(main, clock="virtual")
    return kept


def test_what_was_answered_is_kept_at_once_and_what_failed_a_moment_later():
    """The failure of an attempt is data, once the server is known to live."""

    async def play(guard: Guard, kept: list) -> None:
        guard.keep(OK)
        guard.keep(FAILED)
        assert kept == [OK]
        await asyncio.sleep(3 * LOOK_S)
        assert kept == [OK, FAILED]

    assert guarded(play, Server()) == [OK, FAILED]


def test_what_fails_last_is_kept_before_the_trial_ends():
    """Nobody looks at the server after it."""

    async def play(guard: Guard, kept: list) -> None:
        guard.keep(FAILED)

    assert guarded(play, Server()) == [FAILED]


def test_what_fails_because_the_server_dies_is_not_kept_and_ends_the_trial():
    """One line; what was under way is cancelled and not waited for."""
    server, seen, cancelled = Server(), [], []

    async def play(guard: Guard, kept: list) -> None:
        seen.append(kept)
        guard.keep(OK)
        await asyncio.sleep(1)
        guard.keep(FAILED)
        # The system says so a moment after the connections broke.
        await asyncio.sleep(LOOK_S / 2)
        server.how = "killed by SIGKILL"
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            cancelled.append(asyncio.get_running_loop().time())
            raise

    with pytest.raises(StoppedError, match=r"the mock server died \(killed by SIGKILL\); what was finished"):
        guarded(play, server)
    assert seen == [[OK]]
    assert cancelled[0] < 1 + 3 * LOOK_S


def test_ctrl_c_keeps_what_failed():
    """It was finished."""
    kept: list = []

    async def main() -> None:
        guard = Guard(kept.append, Server().ended, clock=asyncio.get_running_loop().time)

        async def play() -> None:
            guard.keep(FAILED)
            await asyncio.sleep(1000)

        async with asyncio.timeout(LOOK_S / 2):
            await guard.around(play)

    with pytest.raises(TimeoutError):
        clock.run(main, clock="virtual")
    assert kept == [FAILED]


def test_an_error_of_the_trial_is_raised_once_what_failed_is_kept():
    """As without a guard."""
    seen: list = []

    async def play(guard: Guard, kept: list) -> None:
        seen.append(kept)
        guard.keep(FAILED)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        guarded(play, Server())
    assert seen == [[FAILED]]


@pytest.mark.slow
@pytest.mark.parametrize(("dispatch", "engine"), [("gather", "local"), ("window", "local"), ("gather", "processes")])
def test_kill_of_the_mock_server_stops_the_run_which_goes_on_later(tmp_path: Path, dispatch, engine):
    """Exit 3, one line, no failed request on record; continued, all of them are answered."""
    path = tmp_path / "run"
    words = ["run", "strategy=article_10", f"strategy.dispatch={dispatch}", "profile=calm", "time_scale=0.1"]
    words += [
        "clock=real",
        f"engine={engine}",
        "workload.batches=4",
        "workload.batch_size=10",
        "report=false",
        "out=run",
    ]
    process = started(tmp_path, words)
    assert waited_for(lambda: written(path) >= 12, process), process.stderr.read()
    servers = [pid for pid in children(process.pid) if b"harness.mock.server" in command_line(pid)]
    os.kill(servers[0], signal.SIGKILL)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 3, err
    assert err.count("the mock server died (killed by SIGKILL); what was finished before is kept") == 1
    assert "Traceback" not in err
    assert "continue with: harness run" in err
    assert status(path) == "incomplete"
    before = lines(path)
    assert {one["outcome"] for one in before} == {"ok"}
    assert (path / "summary.json").is_file()
    code, _, err = called(tmp_path, [*words, "resume=true"])
    assert code == 0, err
    after = lines(path)
    assert after[: len(before)] == before
    assert len(keyed(after)) == 40
    assert {one["outcome"] for one in after} == {"ok"}


@pytest.mark.slow
def test_a_mock_server_that_does_not_start_is_one_line(tmp_path: Path):
    """Exit 3 and the server's last word; here its interpreter ends before it has begun."""
    broken = tmp_path / "broken"
    broken.mkdir()
    # Only the server's process is told to end: its module is run, not imported.
    (broken / "sitecustomize.py").write_text(
        "import sys\nif '-m' in sys.orig_argv and 'harness.mock.server' in sys.orig_argv:\n"
        "    sys.exit('no room for a server')\n"
    )
    words = ["run", "strategy=article_10", "profile=instant", "clock=real", "workload=smoke", "report=false", "out=run"]
    where = {"PYTHONPATH": os.pathsep.join([str(broken), os.environ.get("PYTHONPATH", "")])}
    code, _, err = called(tmp_path, words, env=where)
    assert code == 3, err
    assert "Traceback" not in err
    assert "\nthe mock server did not start: " in err
