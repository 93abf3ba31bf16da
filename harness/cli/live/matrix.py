"""The matrix in the live view: a line for each cell, or for those around the current one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from harness.cli.live.cell import CellState
from harness.cli.live.screen import Screen
from harness.cli.live.state import State
from harness.cli.live.text import bar, fitted, percent, printable

#: A name is not cut shorter than this for the sake of a column or a bar.
_LEAST_NAME, _LEAST_BAR, _MOST_BAR, _LEAST_REASON = 16, 8, 40, 24


@dataclass(frozen=True)
class _Column:
    """A column of numbers: its title, its width, its text for a cell, and the style of what is not zero."""

    title: str
    width: int
    text: Callable[[CellState], str]
    style: str = ""


@dataclass(frozen=True)
class _Layout:
    """The columns of numbers that fit, and the widths of names and bars; 0 is none."""

    columns: Sequence[_Column]
    name: int
    bar: int
    title: str
    names: Mapping[str, str]


def matrix_lines(state: State, screen: Screen, room: int) -> list[Text]:
    """A title and as many cells as there is room for; those that are not shown are counted above and below."""
    cells = list(state.cells.values())
    if room < 1 or not cells:
        return []
    layout = _layout(state, screen)
    lines = [_title(layout)] if room > 1 else []
    room -= len(lines)
    here = state.batch.cell if state.batch else None
    first, last = _window(len(cells), cells.index(here) if here else 0, room)
    # Where not even a few cells fit, what is left out is not counted either.
    counts = room >= 3
    if first and counts:
        lines.append(_others(cells[: first + 1], state, screen, screen.glyphs.up))
    shown = cells[first + (first > 0 and counts) : last - (last < len(cells) and counts)]
    lines += [_row(cell, state, screen, layout, here=cell is here) for cell in shown]
    if last < len(cells) and counts:
        lines.append(_others(cells[last - 1 :], state, screen, screen.glyphs.down))
    return lines


def _window(count: int, here: int, room: int) -> tuple[int, int]:
    """Which of `count` cells are shown in so many lines: from the first to before the second, around `here`."""
    if count <= room:
        return 0, count
    first = min(max(0, here - room // 2), count - room)
    return first, first + room


def _layout(state: State, screen: Screen) -> _Layout:
    trials = state.plan.trials
    number = len(f"{trials:,}")
    wanted = [
        _Column("done", 6, lambda cell: percent(cell.share(trials))),
        _Column("failed", 8, lambda cell: f"{cell.failed:,}", "red"),
        _Column("stalls", 8, lambda cell: f"{cell.stalls:,}", "yellow"),
        _Column("load", 8, lambda cell: "-" if cell.load is None else f"{cell.load:.3f}"),
        _Column("trials", max(8, 2 * number + 3), lambda cell: f"{cell.whole:,}/{trials:,}"),
    ]
    columns: list[_Column] = []
    left = screen.width - 2
    whole = {cell.name: cell.name for cell in state.plan.cells}
    longest = _longest(whole)
    least = min(longest, _LEAST_NAME)
    for column in wanted:
        if left - column.width < least + (_LEAST_BAR + 2 if columns else 0):
            break
        columns.append(column)
        left -= column.width
    room = left - 2 - _LEAST_BAR if left >= least + _LEAST_BAR + 2 else left
    title, names = ("cell", whole) if longest <= room else (state.plan.short_title, state.plan.short_names)
    name = max(1, min(_longest(names), room))
    return _Layout(columns, name, 0 if room == left else min(_MOST_BAR, left - name - 2), title, names)


def _longest(names: Mapping[str, str]) -> int:
    return max(4, *(cell_len(name) for name in names.values()))


def _title(layout: _Layout) -> Text:
    # Bars have no title, so that the one of the names may reach above them.
    width = layout.name + (layout.bar + 2 if layout.bar else 0)
    line = f"  {layout.title[: max(0, width - 1)]:<{width}}"
    return Text(line + "".join(f"{column.title:>{column.width}}" for column in layout.columns), "dim", no_wrap=True)


def _row(cell: CellState, state: State, screen: Screen, layout: _Layout, *, here: bool) -> Text:
    glyphs, share = screen.glyphs, cell.share(state.plan.trials)
    line = Text(no_wrap=True)
    line.append(f"{glyphs.here if here else ' '} ", "cyan bold")
    line.append(fitted(layout.names[cell.plan.name], layout.name, glyphs), "bold" if here else "")
    if layout.bar:
        line.append("  ")
        if cell.reason is None:
            line.append_text(bar(share, layout.bar, glyphs, "green" if share >= 1 else "cyan"))
        else:
            # The reason was told in whole when it happened.
            reason = f"given up: {cell.reason}" if layout.bar >= _LEAST_REASON else "given up"
            line.append(set_cell_size(printable(reason), layout.bar), "red")
    for column in layout.columns:
        text = column.text(cell)
        line.append(f"{text:>{column.width}}", "dim" if text == "0" else column.style)
    return line


def _others(cells: Sequence[CellState], state: State, screen: Screen, arrow: str) -> Text:
    requests = sum(cell.plan.requests for cell in cells) * state.plan.trials
    share = min(1.0, sum(cell.done for cell in cells) / requests)
    failed, stalls = sum(cell.failed for cell in cells), sum(cell.stalls for cell in cells)
    text = f"{arrow} {len(cells):,} more cells, {percent(share)} done, {failed:,} failed, {stalls:,} stalls"
    return Text(fitted(text, screen.width, screen.glyphs).rstrip(), "dim", no_wrap=True)
