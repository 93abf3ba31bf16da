"""Bars for long work other than a run."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from harness.analysis import finish
from harness.cli.live.listeners import Lines
from harness.cli.progress import EVERY_S, PATIENCE_S, progress, terminal, working
from harness.progress import part
from harness.tune import advise, recording_of
from tests.cli.live_runs import Clock
from tests.folders import made


def _console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)


def test_short_work_shows_nothing():
    """Not even for a moment."""
    console, clock = _console(), Clock()
    with working("reading", console=console, clock=clock) as tick:
        clock.now = 0.9 * PATIENCE_S
        tick(0.9)
    assert console.file.getvalue() == ""


def test_long_work_shows_how_far_it_is():
    """And takes the bar away when it is over."""
    console, clock = _console(), Clock()
    with working("reading [red]records", console=console, clock=clock) as tick:
        clock.now = PATIENCE_S
        tick(0.25)
        assert "reading [red]records" in console.file.getvalue()
        assert " 25%" in console.file.getvalue()
    assert console.file.getvalue().endswith("\x1b[1A\x1b[2K")


def test_the_bar_is_drawn_ten_times_a_second_at_most():
    """However often the work tells."""
    console, clock = _console(), Clock()
    with working("reading", console=console, clock=clock) as tick:
        for step in range(1000):
            clock.now = PATIENCE_S + step / 1000
            tick(step / 1000)
    assert 5 < console.file.getvalue().count("reading") <= 1 / EVERY_S + 2


def test_a_failure_leaves_the_terminal_as_it_was():
    """The cursor is shown again."""
    console, clock = _console(), Clock()

    def work() -> None:
        with working("reading", console=console, clock=clock) as tick:
            clock.now = PATIENCE_S
            tick(0.5)
            raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        work()
    assert console.file.getvalue().rpartition("\x1b[?25l")[2].count("\x1b[?25h") == 1


def test_nothing_is_shown_in_a_pipe(capsys):
    """Whatever the work takes."""
    clock = Clock()
    with working("reading", clock=clock) as tick:
        clock.now = 60.0
        tick(0.5)
    assert capsys.readouterr() == ("", "")


class _Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "drawn"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm", "CI": "true"}, False),
        ({"TERM": "xterm", "CI": "false"}, True),
    ],
)
def test_only_a_terminal_that_can_be_drawn_on_is_drawn_on(monkeypatch, environment, drawn):
    """Not a dumb one, and not that of a CI job."""
    for name in ("CI", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stderr", _Tty())
    assert (terminal() is not None) is drawn


def test_a_pipe_gets_lines_even_where_colours_are_forced(monkeypatch):
    """CI often forces them."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert isinstance(progress({"experiment": "made", "clock": "real", "seeds": [1], "cells": []}), Lines)


def test_a_part_of_the_work_counts_as_a_part():
    """From where it begins to where it ends."""
    told = []
    tick = part(told.append, 0.5, 0.9)
    tick(0.0)
    tick(1.0)
    assert told == pytest.approx([0.5, 0.9])


def _rises_to_the_end(told: list[float]) -> bool:
    return len(told) > 2 and told == sorted(told) and told[0] >= 0 and 0.5 < told[-1] <= 1


@pytest.fixture
def large(tmp_path):
    """A run of 1,200 requests."""
    return made(
        tmp_path / "run", {"a": [[1.0 + (n % 7) / 10 if n % 50 else 30.0 for n in range(600)]], "b": [[2.0] * 600]}
    )


def test_finishing_a_run_tells_how_far_it_is(large):
    """Over the reading, the cells and the tables."""
    told: list[float] = []
    finish(large, told.append)
    assert _rises_to_the_end(told)


def test_reading_records_tells_how_far_it_is(large):
    """Now and then, not for each."""
    told: list[float] = []
    assert len(list(large.outcomes(told.append))) == 1200
    assert 0 < len(told) < 10
    assert told == sorted(told)


def test_tuning_tells_how_far_it_is(large):
    """Over timeouts and hedges."""
    told: list[float] = []
    advise(recording_of(large.path, cell="a"), progress=told.append)
    assert _rises_to_the_end(told)
