"""The live view on a real terminal, as tmux emulates one."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from harness.storage import RunFolder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]

#: Looks at a screen before what is waited for is given up, and the seconds between two, which are the command's.
LOOKS, PAUSE_S = 4_000, 0.05


class Terminal:
    """A terminal of its own, in which commands are typed."""

    def __init__(self, folder: Path, width: int, height: int) -> None:
        self._socket = str(folder / "tmux")
        # Runners of tests say how wide their own output is, which would overrule the terminal.
        foreign = {"TMUX", "CI", "NO_COLOR", "COLUMNS", "LINES"}
        environment = {name: value for name, value in os.environ.items() if name not in foreign}
        self._environment = environment | {"LC_ALL": "C.UTF-8", "PS1": "$ "}
        shell = ["-x", str(width), "-y", str(height), "-c", str(folder), "sh"]
        self.call("-f", "/dev/null", "new-session", "-d", *shell)

    def call(self, *words: str) -> str:
        command = ["tmux", "-S", self._socket, *words]
        return subprocess.run(command, env=self._environment, check=True, capture_output=True, text=True).stdout

    def type(self, *words: str) -> None:
        # What was there before must not be taken for what comes.
        self.call(
            "send-keys", f"clear; {shlex.join([sys.executable, '-m', 'harness', *words])}; echo over: $?", "Enter"
        )

    def screen(self) -> list[str]:
        return self.call("capture-pane", "-p").splitlines()

    def seen(self, wanted: Callable[[list[str]], bool]) -> list[str]:
        """The first screen that is as wanted."""
        for _ in range(LOOKS):
            lines = self.screen()
            if wanted(lines):
                return lines
            time.sleep(PAUSE_S)
        raise AssertionError("\n".join(lines))


@pytest.fixture
def terminal(tmp_path) -> Iterator[Callable[[int, int], Terminal]]:
    opened: list[Terminal] = []

    def open_(width: int, height: int) -> Terminal:
        opened.append(Terminal(tmp_path, width, height))
        return opened[-1]

    yield open_
    for one in opened:
        one.call("kill-server")


def has(*parts: str) -> Callable[[list[str]], bool]:
    return lambda lines: all(part in "\n".join(lines) for part in parts)


RUN = ("run", "article", "trials=3", "engine=local", "report=false", "out=run")
#: So long that it is still going when all has been seen, however slow the machine is; it is interrupted then.
LONG = ("run", "article", "trials=30", "engine=local", "report=false", "out=run")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50)])
def test_a_run_shows_everything(terminal, width, height):
    """At both sizes; and when it is over, the results stand where the view was."""
    screen = terminal(width, height)
    screen.type(*RUN)
    lines = screen.seen(has("latest stalls", "slowest", "▸ article_20", "open"))
    text = "\n".join(lines)
    for part in (
        "article · virtual clock · 3 cells x 3 trials",
        "/9,000 requests",
        " left · ends ",
        " failed",
        "load ",
    ):
        assert part in text, part
    assert re.search(r"batch \d+/10 · trial [123]/3 · article_20", text)
    assert re.search(r"\d+/100 +\d+\.\d+ s +\d+ open", text)
    assert max(map(cell_len, lines)) <= width
    lines = screen.seen(has("over: 0"))
    assert has("article_20", "summary: run/summary.json")(lines)
    assert not has("virtual clock ·")(lines)
    assert not has("slowest")(lines)


@pytest.mark.parametrize("size", [(40, 12), (20, 10), (120, 40)])
def test_a_terminal_may_be_resized(terminal, size):
    """The view is drawn once, in the new size, and nothing of the old one is left."""
    screen = terminal(80, 24)
    screen.type(*LONG)
    screen.seen(has("latest stalls"))
    width, height = size
    screen.call("resize-window", "-x", str(width), "-y", str(height))
    done = re.compile(r"[\d,]+/90,0")
    lines = screen.seen(lambda lines: sum(bool(done.search(line)) for line in lines) == 1)
    assert sum("▸" in line for line in lines) == 1
    assert max(map(cell_len, lines)) <= width
    screen.call("send-keys", "C-c")
    screen.seen(has("over: 130"))


def test_it_goes_on_in_real_time_while_nothing_arrives(terminal):
    """A batch whose answers take 21 s; Ctrl-C ends it and gives the terminal back."""
    screen = terminal(80, 24)
    words = ("strategy=article_none", "profile=long_answer", "clock=real", "workload=smoke", "report=false", "out=run")
    screen.type("run", *words)
    lines = screen.seen(lambda lines: re.search(r"0/10 +3\.\d+ s  10 open", "\n".join(lines)) is not None)
    assert has("real clock", "batch 1/2 · trial 1/1 · article_none")(lines)
    screen.call("send-keys", "C-c")
    screen.seen(has("interrupted; what was finished is kept", "over: 130"))
    assert screen.call("display-message", "-p", "#{cursor_flag}").strip() == "1"


def test_a_run_is_watched_from_elsewhere(terminal, tmp_path):
    """Until it is over; then comes one line."""
    command = [sys.executable, "-m", "harness", *LONG]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        while not (tmp_path / "run" / "manifest.json").is_file():
            assert run.poll() is None
            time.sleep(PAUSE_S)
        screen = terminal(80, 24)
        screen.type("watch", "run")
        lines = screen.seen(has("slowest", "/90,000 requests", "article · virtual clock"))
        assert max(map(cell_len, lines)) <= 80
        # Killed outright, it says nothing of how it ended: the test does.
        run.kill()
        run.wait()
        RunFolder.open(tmp_path / "run").update_manifest(status="complete")
        lines = screen.seen(has("over: 0"))
        assert has("article: complete, ", "/90,000 requests, 0 failed; next: harness report run")(lines)
