"""When the live view is drawn, and what a pipe gets instead."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.cells import cell_len
from rich.console import Console

from harness.cli.live.display import EVERY_S, IDLE_S, SHARE, Display
from harness.cli.live.lines import SparseLines
from harness.cli.live.listeners import Account, Lines, Live
from harness.cli.live.state import State
from tests.cli.live_runs import Clock, ended, half_way, plan, shown


def _terminal(width: int = 80, height: int = 24) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=height, color_system=None)


def test_it_is_drawn_ten_times_a_second_at_most():
    """However many requests end."""
    clock = Clock()
    display = Display(_terminal(), clock=clock)
    drawn = []
    listener = Live(plan(requests=1000), display, clock=clock)
    draw = display.draw
    display.draw = lambda state, *, now: (drawn.append(now), draw(state, now=now))
    listener.started(requests=2000, recorded=0)
    listener.trial_started(cell="a", trial=0, trials=2, batches=200)
    for request in range(1000):
        clock.now = request / 1000
        listener.finished(ended(request=request))
    listener.ended()
    assert 5 < len(drawn) <= 1 / EVERY_S


def test_a_trial_that_arrives_whole_is_drawn_when_it_is():
    """Not after its first request, as if the others were still open."""
    clock = Clock()
    console = _terminal()
    listener = Live(plan(requests=5), Display(console, clock=clock), clock=clock)
    listener.started(requests=10, recorded=0)
    listener.trial_started(cell="a", trial=0, trials=2, batches=1)
    for request in range(5):
        listener.finished(ended(request=request))
    listener.ended()
    assert "5/5" in console.file.getvalue()
    assert "1/5" not in console.file.getvalue()


def test_a_slow_terminal_is_drawn_on_less_often():
    """Drawing takes a small share of the time, whatever it costs."""

    class Slow(Clock):
        def __call__(self) -> float:
            self.now += 0.05
            return self.now

    clock = Slow()
    display = Display(_terminal(), clock=clock)
    display.draw(State(plan(), now=0.0), now=0.0)
    done = clock.now
    assert not display.is_due(done + 0.9 * 0.05 / SHARE)
    assert display.is_due(done + 1.1 * 0.05 / SHARE)
    display.close()


def test_the_view_goes_on_while_nothing_arrives():
    """Ticks draw, unless something was drawn just now."""
    clock = Clock()
    console = _terminal()
    listener = Live(plan(clock="real"), Display(console, clock=clock), clock=clock)
    listener.started(requests=20, recorded=0)
    listener.trial_started(cell="a", trial=0, trials=2, batches=2)
    listener.batch_started(batch=0, requests=5)
    before = len(console.file.getvalue())
    clock.now = IDLE_S / 2
    listener.idle()
    assert len(console.file.getvalue()) == before
    clock.now = 75.0
    listener.idle()
    assert "75.0 s" in console.file.getvalue()[before:]
    listener.ended()


def test_nothing_is_left_when_it_ends():
    """The cursor is shown again, and what was drawn is erased: as many lines up as were drawn."""
    console = _terminal()
    display = Display(console)
    display.draw(half_way(), now=63.0)
    lines = len(shown(half_way(), 80, 23))
    display.close()
    end = console.file.getvalue().rpartition("requests/s")[2]
    assert end.endswith("\x1b[1A\x1b[2K")
    assert end.count("\x1b[1A") == lines
    assert "\x1b[?25h" in end


def test_a_narrower_terminal_is_wiped_of_folded_lines():
    """Each line that no longer fits stands on two rows."""
    console = _terminal(80, 60)
    display = Display(console)
    display.draw(half_way(), now=63.0)
    lengths = [cell_len(line) for line in shown(half_way(), 80, 59)]
    console.width = 40
    before = len(console.file.getvalue())
    display.draw(half_way(), now=63.0)
    wiped = console.file.getvalue()[before:].partition("\x1b[1B")[0]
    assert wiped.count("\x1b[1A") == sum(max(1, -(-length // 40)) for length in lengths) - 1
    assert wiped.count("\x1b[1A") > len(lengths)
    display.close()


def test_a_cell_that_fails_is_told_above_the_view():
    """And stays there."""
    console = _terminal()
    listener = Live(plan(), Display(console))
    listener.cell_failed(cell="a", trial=0, reason="ValueError: [red]odd")
    assert "cell a failed: trial 0: ValueError: [red]odd" in console.file.getvalue()


def test_lines_are_sparse():
    """One at the start and one at each tenth, as ever."""
    stream, clock = io.StringIO(), Clock()
    listener = Lines(plan(requests=100), SparseLines(stream), clock=clock)
    listener.started(requests=200, recorded=0)
    for trial in range(2):
        listener.trial_started(cell="a", trial=trial, trials=2, batches=20)
        for request in range(100):
            clock.now += 0.01
            listener.finished(ended(request=request, trial=trial))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "200 requests to play"
    assert len(lines) == 11
    assert lines[5] == "100/200 requests, 0 failed, trial 1/2 a, batch 20/20, 0:01 left"


def test_what_is_on_disk_is_said_once():
    """And is no reason for a line."""
    stream = io.StringIO()
    listener = Lines(plan(), SparseLines(stream), clock=Clock())
    listener.started(requests=20, recorded=10)
    listener.recalled([ended(request=request) for request in range(10)])
    assert stream.getvalue() == "20 requests to play, 10 of them on disk already\n"


def test_a_run_of_unknown_length_goes_on_in_stages():
    """Each begins the account anew, with more trials and with what is on disk."""
    account = Account(plan(trials=1), clock=Clock())
    account.started(requests=10, recorded=0)
    first = [ended(request=request) for request in range(10)]
    for outcome in first:
        account.finished(outcome)
    account.ended()
    account.started(requests=30, recorded=10)
    account.recalled([replace(outcome) for outcome in first])
    assert (account.state.plan.trials, account.state.done, account.state.total) == (3, 10, 30)
