"""The live view: what it counts, how it looks, and when it is drawn."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from harness.cli.live.display import EVERY_S, IDLE_S, SHARE, Display
from harness.cli.live.lines import SparseLines
from harness.cli.live.listeners import Account, Lines, Live
from harness.cli.live.plan import plan_of
from harness.cli.live.stalls import FACTOR, FEWEST, Median, stalled
from harness.cli.live.state import State
from harness.cli.live.text import ASCII, bar, duration, fitted
from harness.records import Attempt
from tests.cli.live_runs import Clock, ended, plan, played, shown

# -- the state


def test_a_request_that_was_recorded_twice_is_done_once():
    """A resumed run in real time plays broken batches again; the later record counts."""
    state = State(plan(), now=0.0)
    state.finished(ended(request=3, outcome="timeout"), now=1.0)
    assert (state.done, state.failed) == (1, 1)
    state.finished(ended(request=3), now=2.0)
    assert (state.done, state.failed, state.cells["a"].done) == (1, 0, 1)


def test_a_trial_is_whole_when_its_last_request_has_ended():
    """Whatever the order."""
    state = State(plan(requests=3), now=0.0)
    for request in (2, 0):
        state.finished(ended(request=request), now=1.0)
    assert state.cells["a"].whole == 0
    state.finished(ended(request=1), now=1.0)
    assert state.cells["a"].whole == 1


def test_the_batch_in_flight_fills():
    """Its seconds are those of the run's own clock: from the release to the latest end."""
    state = State(plan(), now=0.0)
    state.batch_started(cell="a", trial=0, batch=1, now=0.0)
    assert (state.batch.done, state.batch.size, state.batch_s(9.0)) == (0, 5, 0.0)
    state.finished(ended(request=5, start=100.0, took=2.0), now=1.0)
    state.finished(ended(request=6, start=100.0, took=0.5), now=1.0)
    assert (state.batch.number, state.batch.done, state.batch_s(9.0)) == (1, 2, 2.0)


def test_in_real_time_the_batch_gets_older_while_nothing_arrives():
    """Until it is full."""
    state = State(plan(clock="real"), now=0.0)
    state.batch_started(cell="a", trial=0, batch=0, now=10.0)
    for request in range(4):
        state.finished(ended(request=request), now=11.0)
    assert state.batch_s(610.0) == 600.0
    state.finished(ended(request=4, took=601.0), now=611.0)
    assert state.batch_s(900.0) == 601.0


def test_a_batch_that_nobody_announced_began_as_long_ago_as_its_first_request_took():
    """As when another process plays the run."""
    state = State(plan(clock="real"), now=0.0)
    state.finished(ended(took=4.0), now=50.0)
    assert state.batch_s(56.0) == 10.0
    assert not state.batch.announced


def test_a_last_batch_may_be_shorter():
    """Seven requests in batches of five."""
    state = State(plan(requests=7), now=0.0)
    state.finished(ended(request=6), now=1.0)
    assert (state.batch.size, state.batch.cell.plan.batches) == (2, 2)


def test_the_slowest_requests_are_kept_in_order():
    """Five of them, and each once."""
    state = State(plan(), now=0.0)
    for request, took in enumerate([3.0, 9.0, 1.0, 7.0, 5.0, 4.0, 8.0]):
        state.finished(ended(request=request, took=took), now=1.0)
    state.finished(ended(request=1, took=6.0), now=1.0)
    assert [(one.request, one.latency_s) for one in state.slowest] == [(6, 8.0), (3, 7.0), (1, 6.0), (4, 5.0), (5, 4.0)]


def test_the_time_left_follows_from_the_pace_since_the_beginning():
    """What was on disk before counts as done, not as fast."""
    state = State(plan(), now=0.0)
    for request in range(10):
        state.recall(ended(request=request), now=0.0)
    assert state.left_s(5.0) is None
    for request in range(5):
        state.finished(ended(request=request, trial=1), now=10.0)
    assert (state.pace(10.0), state.left_s(10.0)) == (0.5, 10.0)


def test_a_cell_that_the_plan_does_not_name_is_passed_over():
    """Rather than ending whoever watches."""
    state = State(plan(), now=0.0)
    state.finished(ended("unheard"), now=1.0)
    assert state.done == 0


def test_the_plan_follows_from_the_manifest():
    """What is not gathered is one batch; seeds tell the number of trials, else the settings do."""
    about = {"cell": "a", "requests_per_trial": 10, "batch_size": 5}
    window = {"cell": "b", "requests_per_trial": 10, "batch_size": 5, "strategy": {"dispatch": "window"}}
    manifest = {"experiment": "made", "clock": "real", "seeds": [7, 8, 9], "cells": [about, window]}
    found = plan_of(manifest)
    assert (found.trials, found.requests, [cell.batches for cell in found.cells]) == (3, 60, [2, 1])
    assert plan_of(manifest | {"seeds": []}, {"trials": 4}).trials == 4
    assert plan_of(manifest | {"seeds": []}, {"trials": "auto"}).trials == 1


# -- stalls


def test_the_median_is_known_to_two_per_cent():
    """Of any number of times, without keeping them."""
    median = Median()
    for number in range(1, 1001):
        median.add(number / 100)
    assert median.value == pytest.approx(5.0, rel=0.03)


def test_few_requests_make_no_median():
    """The first to end are the fast ones."""
    median = Median()
    for _ in range(FEWEST - 1):
        median.add(1.0)
    assert median.value is None
    median.add(1.0)
    assert median.value == pytest.approx(1.0, rel=0.02)


def _raced(first: str, *, gave_up: float, copy_at: float):
    attempts = (
        Attempt(1, "first", first, send_s=0.0, end_s=gave_up),
        Attempt(2, "hedge", "ok", send_s=copy_at, end_s=gave_up),
    )
    return ended(took=gave_up, attempts=attempts, winner=2)


@pytest.mark.parametrize(
    ("outcome", "median", "expected"),
    [
        (ended(took=1.0), 1.0, False),
        (ended(took=FACTOR - 0.1), 1.0, False),
        (ended(took=FACTOR + 0.1), 1.0, True),
        (ended(took=600.0), None, False),
        (_raced("timeout", gave_up=3.0, copy_at=3.0), 1.0, True),
        (_raced("timeout", gave_up=3.0, copy_at=3.0), None, True),
        (_raced("timeout", gave_up=0.5, copy_at=0.5), 1.0, False),
        (_raced("cancelled", gave_up=2.5, copy_at=2.0), 1.0, True),
        (_raced("cancelled", gave_up=2.5, copy_at=0.0), 1.0, False),
        (_raced("cancelled", gave_up=0.9, copy_at=0.5), 1.0, False),
        (ended(attempts=()), 1.0, False),
    ],
    ids=[
        "healthy", "just below", "just above", "no median yet", "timeout", "timeout before a median",
        "a timeout below the median", "hedged", "two copies at once", "a hasty copy", "no attempt",
    ],
)  # fmt: skip
def test_a_stall_is_silence_longer_than_it_should_be(outcome, median, expected):
    """A first attempt given up after more than the median, or five medians."""
    assert stalled(outcome, median) is expected


# -- the view


def _run() -> State:
    state = State(plan("article_none", "article_10", requests=20), now=0.0)
    played(state, "article_none", trials=2, requests=20)
    played(state, "article_10", requests=20)
    state.batch_started(cell="article_10", trial=1, batch=0, now=60.0)
    for request, outcome in enumerate(("ok", "timeout", "ok")):
        state.finished(ended("article_10", request, 12.5, trial=1, outcome=outcome), now=63.0)
    return state


@pytest.mark.parametrize("width", [80, 200])
def test_everything_is_on_the_screen(width):
    """Experiment, clock, matrix, batch, slowest requests, stalls, failures, load, pace and end."""
    text = "\n".join(shown(_run(), width, 40))
    for part in (
        "made · virtual clock · 2 cells x 2 trials", "63/80 requests", "78 %", "0:17 left · ends 12:00:17",
        "1 failed", "3 stalls", "load 1.000", "1 requests/s", "▸ article_10", "  article_none", "2/2", "1/2",
        "batch 1/4 · trial 2/2 · article_10", "3/5", "12.5 s", "2 open", "slowest", "timeout", "latest stalls",
    ):  # fmt: skip
        assert part in text, part


@pytest.mark.parametrize("width", [1, 10, 20, 40, 80, 130, 200])
@pytest.mark.parametrize("height", [1, 2, 5, 9, 17, 23, 50])
@pytest.mark.parametrize("cells", [1, 2, 40])
def test_it_fits_any_terminal(width, height, cells):
    """No line is wider, and there are no more lines than there are rows."""
    names = [f"{number}: eine Zelle mit einem sehr langen Namen, 名前の長い セル" for number in range(cells)]
    state = State(plan(*names), now=0.0)
    played(state, names[0])
    state.cell_failed(names[-1], "RuntimeError: something [red]odd[/red]")
    lines = shown(state, width, height)
    assert lines
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= width


def test_of_many_cells_those_around_the_current_one_are_shown():
    """With what is above and below in numbers, which add up."""
    names = [f"cell{number:03d}" for number in range(936)]
    state = State(plan(*names, trials=1), now=0.0)
    played(state, "cell500")
    lines = shown(state, 80, 24)
    around = [found[1] for line in lines if (found := re.match(r"[▸ ] (cell\d+) ", line))]
    above, below = (int(line.split()[1]) for line in lines if line[0:1] in {"↑", "↓"})
    assert "cell500" in around
    assert len(around) >= 5
    assert above + len(around) + below == 936


def test_names_are_shown_as_they_are():
    """Markup in them is text, and letters that would move the cursor are not printed."""
    state = State(plan("[red]a[/red]", "b\x1b[2J\nc"), now=0.0)
    played(state, "[red]a[/red]")
    text = "\n".join(shown(state))
    assert "▸ [red]a[/red]" in text
    assert "\x1b" not in text
    assert "b [2J c" in text


def test_a_long_name_keeps_its_end():
    """Cells of a matrix begin alike."""
    name = "strategy=article_10,timeout=5,stream=true,batch_size=100"
    cut = fitted(name, 20, ASCII)
    assert len(cut) == 20
    assert cut.startswith("strategy")
    assert cut.endswith("size=100")


def test_where_names_do_not_fit_what_tells_cells_apart_is_left():
    """The values of the axes in which they differ."""
    names = [f"article_10,fault={fault},dispatch={way}" for fault in ("none", "stall") for way in ("gather", "window")]
    assert plan(*names).short_names == dict(
        zip(names, ["none,gather", "none,window", "stall,gather", "stall,window"], strict=True)
    )
    state = played(State(plan(*names), now=0.0), names[0])
    lines = shown(state, 60)
    assert any(line.startswith("▸ none,gather ") for line in lines)
    assert any(line.startswith("  fault,dispatch ") for line in lines)
    assert any(line.startswith(f"▸ {names[0]} ") for line in shown(state, 120))


def test_what_is_1_for_all_is_not_listed():
    """A single trial, or a single batch in each."""
    state = played(State(plan(trials=1, batch_size=10), now=0.0), "a")
    titles = next(line for line in shown(state) if line.startswith("slowest"))
    assert titles.split() == ["slowest", "cell", "request", "attempts", "outcome"]


@pytest.mark.parametrize("names", [("a", "b,timeout=5"), ("only,timeout=5",)])
def test_cells_that_are_not_alike_keep_their_names(names):
    """Nothing says which of their parts differ."""
    assert plan(*names).short_names == {name: name for name in names}


def test_a_cell_that_was_given_up_says_why():
    """In place of its bar."""
    state = State(plan("a", "b"), now=0.0)
    state.cell_failed("b", "ValueError: odd")
    assert any(line.startswith("  b") and "given up: ValueErr" in line for line in shown(state, 100))


def test_where_trials_arrive_whole_nothing_is_said_to_be_in_flight():
    """As from other processes."""
    state = played(State(plan(), now=0.0), "a")
    text = "\n".join(shown(state))
    assert "latest batch 2/2" in text
    assert "open" not in text


def test_silence_is_mentioned():
    """How long nothing came."""
    state = played(State(plan(), now=0.0), "a")
    assert "nothing came for 2:13" in shown(state, now=state.heard + 133)[0]
    assert "nothing came" not in shown(state, now=state.heard + 1)[0]


def test_an_end_on_another_day_names_the_day():
    """A time of day alone would mislead."""
    state = State(plan(), now=0.0)
    state.finished(ended(), now=40_000.0)
    assert "ends 2026-01-10" in shown(state)[2]


def test_bars_differ_in_shape_too():
    """For terminals without colours, and for those that only know ASCII."""
    assert bar(0.5, 4, ASCII).plain == "##--"
    text = "".join(shown(_run(), glyphs=ASCII))
    assert text.isascii()


@pytest.mark.parametrize(("share", "expected"), [(0.0, "----"), (0.001, "----"), (0.999, "###-"), (1.0, "####")])
def test_a_bar_is_full_only_when_all_is_done(share, expected):
    """Nor does it round up."""
    assert bar(share, 4, ASCII).plain == expected


@pytest.mark.parametrize(("value", "expected"), [(None, "-:--"), (7.9, "0:07"), (133.0, "2:13"), (3725.0, "1:02:05")])
def test_times_to_wait_read_as_clocks_do(value, expected):
    """And an unknown one is no number."""
    assert duration(value) == expected


# -- drawing


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
    display.draw(_run(), now=63.0)
    lines = len(shown(_run(), 80, 23))
    display.close()
    end = console.file.getvalue().rpartition("requests/s")[2]
    assert end.endswith("\x1b[1A\x1b[2K")
    assert end.count("\x1b[1A") == lines
    assert "\x1b[?25h" in end


def test_a_narrower_terminal_is_wiped_of_folded_lines():
    """Each line that no longer fits stands on two rows."""
    console = _terminal(80, 60)
    display = Display(console)
    display.draw(_run(), now=63.0)
    lengths = [cell_len(line) for line in shown(_run(), 80, 59)]
    console.width = 40
    before = len(console.file.getvalue())
    display.draw(_run(), now=63.0)
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


# -- plain lines


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
