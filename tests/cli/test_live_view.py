"""How the live view looks, on terminals of any size."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from harness.cli.live.state import State
from harness.cli.live.text import ASCII, bar, duration, fitted
from tests.cli.live_runs import ended, half_way, plan, played, shown


@pytest.mark.parametrize("width", [80, 200])
def test_everything_is_on_the_screen(width):
    """Experiment, clock, matrix, batch, slowest requests, stalls, failures, load, pace and end."""
    text = "\n".join(shown(half_way(), width, 40))
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
    text = "".join(shown(half_way(), glyphs=ASCII))
    assert text.isascii()


@pytest.mark.parametrize(("share", "expected"), [(0.0, "----"), (0.001, "----"), (0.999, "###-"), (1.0, "####")])
def test_a_bar_is_full_only_when_all_is_done(share, expected):
    """Nor does it round up."""
    assert bar(share, 4, ASCII).plain == expected


@pytest.mark.parametrize(("value", "expected"), [(None, "-:--"), (7.9, "0:07"), (133.0, "2:13"), (3725.0, "1:02:05")])
def test_times_to_wait_read_as_clocks_do(value, expected):
    """And an unknown one is no number."""
    assert duration(value) == expected
