"""Two runs in one folder, signals, and folders that are gone or cannot be written: one line each."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.endurance.commands import (
    PATIENCE_S,
    assert_equal_runs,
    called,
    killed,
    lines,
    started,
    status,
    waited_for,
    written,
)

WORDS = ["run", "article", "trials=2", "workload.batches=4", "workload.batch_size=20", "profile=incident"]
WORDS += ["report=false", "engine=local"]
#: So long that it is surely under way when something happens to it.
LONG = [*WORDS, "trials=40"]


def under_way(where: Path, words: list[str] = LONG, *, requests: int = 1, **settings):
    """A run that has finished so many requests."""
    process = started(where, [*words, "out=run"], **settings)
    assert waited_for(lambda: written(where / "run") >= requests, process)
    return process


@pytest.mark.slow
def test_a_second_run_in_a_folder_is_kept_out(tmp_path: Path):
    """Exit 2 and one line, for as long as the first is there; kill -9 frees the folder."""
    process = under_way(tmp_path)
    for words in ([*LONG, "out=run", "resume=true"], [*LONG, "out=run"]):
        code, out, err = called(tmp_path, words)
        assert (code, out, len(err.splitlines())) == (2, "", 1)
    code, _, err = called(tmp_path, [*LONG, "out=run", "resume=true"])
    assert "error: another run is under way in run; wait for it (harness watch run), or choose another out=" in err
    before = lines(tmp_path / "run")
    killed(process)
    short = [*WORDS, "out=run", "resume=true"]
    code, _, err = called(tmp_path, short)
    assert code == 0, err
    assert lines(tmp_path / "run")[: len(before)] == before


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "processes"])
def test_sigterm_ends_a_run_as_ctrl_c_does(tmp_path: Path, engine):
    """Exit 143, everything kept, continued to the same end; also where Ctrl-C is ignored, as in background jobs."""

    def in_background() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    process = under_way(tmp_path, [*WORDS, f"engine={engine}", "trials=4"], preexec_fn=in_background)
    process.terminate()
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 143, err
    assert "Traceback" not in err
    assert "never retrieved" not in err
    assert "interrupted; what was finished is kept" in err
    assert "continue with: harness run" in err
    assert status(tmp_path / "run") == "interrupted"
    for out, resumed in (("run", ["resume=true"]), ("whole", [])):
        code, _, err = called(tmp_path, [*WORDS, "trials=4", f"out={out}", *resumed])
        assert code == 0, err
    assert_equal_runs(tmp_path / "run", tmp_path / "whole")


@pytest.mark.slow
def test_ctrl_c_twice_ends_at_once_and_loses_nothing(tmp_path: Path):
    """Whatever the second one meets: playing, summarising or the end of the process."""

    def with_ctrl_c() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    process = under_way(tmp_path, preexec_fn=with_ctrl_c)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode in {130, -signal.SIGINT}, err
    before = lines(tmp_path / "run")
    code, _, err = called(tmp_path, [*WORDS, "out=run", "resume=true"])
    assert code == 0, err
    assert lines(tmp_path / "run")[: len(before)] == before


@pytest.mark.slow
def test_a_terminal_that_is_closed_ends_a_run_as_ctrl_c_does(tmp_path: Path):
    """Exit 129: nothing is written to the terminal that has gone, and the manifest says what happened."""
    ours, theirs = pty.openpty()
    process = under_way(
        tmp_path, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=_with_terminal
    )
    os.close(theirs)
    os.close(ours)
    assert process.wait(PATIENCE_S) == 129
    assert status(tmp_path / "run") == "interrupted"
    assert (tmp_path / "run" / "summary.json").is_file()


def _with_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.mark.slow
def test_a_folder_that_is_removed_ends_its_run(tmp_path: Path):
    """Exit 5 and what happened; hours of requests would go nowhere."""
    process = under_way(tmp_path)
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 5, err
    assert "Traceback" not in err
    assert "was removed while the run was writing to it" in err or "its folder is gone" in err


@pytest.mark.slow
def test_a_folder_that_is_read_only_is_one_line(tmp_path: Path):
    """To begin in it, exit 2; to continue in it, exit 5."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid():
        disk.chmod(0o500)
        begin, resume = "disk/run", None
    else:
        if subprocess.run(["mount", "-t", "tmpfs", "none", disk], check=False).returncode:
            pytest.skip("root writes everywhere but on a file system of its own, and may not mount one")
        assert called(tmp_path, [*WORDS, "out=disk/old"])[0] == 0
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        begin, resume = "disk/run", "disk/old"
    try:
        code, _, err = called(tmp_path, [*WORDS, f"out={begin}"])
        assert code == 2, err
        assert err.startswith("error: cannot write to disk/run (")
        if resume:
            code, _, err = called(tmp_path, [*WORDS, f"out={resume}", "resume=true"])
            assert code == 5, err
            assert err.startswith("error: cannot write disk/old")
            assert "Traceback" not in err
    finally:
        if not os.geteuid():
            subprocess.run(["umount", "-l", disk], check=True)
