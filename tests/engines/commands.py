"""The command as a user calls it, and the programs of a cluster, each in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

#: Fewer requests than the article's, enough trials to be in the middle of.
SMALL = ("workload.batches=2", "workload.batch_size=10", "report=false")
#: A kind of one's own, in a module that only the command's own folder has, of which any worker dies.
DEADLY = """
import os
from typing import Literal

from pydantic.dataclasses import dataclass

from harness.strategies import Played
from harness.strategies.base import STRICT


@dataclass(frozen=True, config=STRICT)
class Deadly(Played):
    '''dies of its first request'''

    kind: Literal["deadly"] = "deadly"

    def first_content_s(self, round_, memory):
        os._exit(9)
"""
#: A kind of one's own that is like the plain one.
GENTLE = DEADLY.replace("Deadly", "Gentle").replace("deadly", "gentle").replace("os._exit(9)", "return self.timeout")


def harness(*words: str, cwd: Path, env: dict[str, str] | None = None, program: Sequence[str] = ("-m", "harness")):
    """Start the command, with what it says in pipes."""
    return subprocess.Popen(
        [sys.executable, *program, "run", *words],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str], limit_s: float = 400) -> tuple[int, str, str]:
    """The exit code, and what was said, when a process has ended."""
    try:
        out, err = process.communicate(timeout=limit_s)
    finally:
        process.kill()
    return process.returncode, out, err


def with_kinds(folder: Path) -> Sequence[str]:
    """Write a command with kinds of one's own, and settings that use them; how it is called."""
    (folder / "my_kinds.py").write_text(DEADLY + GENTLE)
    (folder / "mine.py").write_text("import my_kinds\nfrom harness.cli import main\n\nraise SystemExit(main())\n")
    settings = folder / "conf" / "strategy"
    settings.mkdir(parents=True)
    for kind in ("deadly", "gentle"):
        (settings / f"{kind}.yaml").write_text(f"kind: {kind}\nname: {kind}\ntimeout: 4\n")
    return ["mine.py"]


def records(folder: Path) -> str:
    """What a run has recorded so far."""
    path = folder / "records.jsonl"
    return path.read_text() if path.is_file() else ""


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Look again and again, for as long as a slow machine may take; a process that ends meanwhile fails the test."""
    for _ in range(2400):
        if condition():
            return
        assert process is None or process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    raise AssertionError("it did not come to that")


def listens(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


class Group:
    """A program and all that it starts, which can be ended at once."""

    def __init__(self, command: Sequence[str], log: Path, env: dict[str, str]) -> None:
        with log.open("w") as file:
            self._process = subprocess.Popen(
                command, stdout=file, stderr=file, env={**os.environ, **env}, start_new_session=True
            )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
