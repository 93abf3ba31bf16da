"""How the state of a run looks: pure, from a state and a size of the terminal to lines of text.

Trials and batches are counted from 1, as "2/20" is read; a request is named by its number in the records.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.text import Text

from harness.cli.live.matrix import matrix_lines
from harness.cli.live.requests import MOST, request_lines
from harness.cli.live.screen import Screen
from harness.cli.live.state import State
from harness.cli.live.top import batch_lines, head_lines

#: From so many columns on, requests stand beside the matrix; the gap between; how much the matrix gets.
_WIDE, _GAP, _LEFT = 130, 4, 0.47
#: With fewer lines than this there is no room for empty ones.
_AIRY = 18
_BLANK = Text("")


def view(state: State, screen: Screen) -> Group:
    """What is shown, never wider than the screen, and never higher where it has two lines or more."""
    head = head_lines(state, screen)
    room = screen.height - len(head)
    blank = [_BLANK] if screen.height >= _AIRY else []
    body = _beside if screen.width >= _WIDE and room >= _AIRY - len(head) else _below
    lines = [*head, *body(state, screen, room, blank)][: max(1, screen.height)]
    for line in lines:
        # Where there is hardly any room, what no block could fit in is cut.
        line.truncate(screen.width)
    return Group(*lines)


def _below(state: State, screen: Screen, room: int, blank: list[Text]) -> list[Text]:
    """One block under the other, for narrow terminals; what does not fit is left out from the end."""
    batch = batch_lines(state, screen)
    room -= len(batch) + 2 * len(blank)
    # The matrix needs three lines of its own to be of use, a list of requests two.
    asked = len(state.cells) + 1
    matrix_room = min(asked, max(3, room - MOST - 1 - len(blank)))
    matrix = matrix_lines(state, screen, max(0, min(room, matrix_room)))
    room -= len(matrix) + len(blank)
    return _stacked([matrix, batch, *_requests(state, screen, room, blank)], blank)


def _beside(state: State, screen: Screen, room: int, blank: list[Text]) -> list[Text]:
    """The matrix on the left; batch, slowest requests and stalls on the right."""
    left_width = int((screen.width - _GAP) * _LEFT)
    left = matrix_lines(state, screen.narrowed(left_width), room - len(blank))
    narrow = screen.narrowed(screen.width - _GAP - left_width)
    batch = batch_lines(state, narrow)
    room -= len(batch) + 2 * len(blank)
    right = _stacked([batch, *_requests(state, narrow, room, blank)], blank)[len(blank) :]
    height = max(len(left), len(right))
    rows = zip(_filled(left, height), _filled(right, height), strict=True)
    return [*blank, *(_joined(one, other, left_width + _GAP) for one, other in rows)]


def _requests(state: State, screen: Screen, room: int, blank: list[Text]) -> tuple[list[Text], list[Text]]:
    """The slowest requests, and below them, where there is room left, the latest stalls, the last one first."""
    plan = state.plan
    slowest = request_lines("slowest", state.slowest, plan, screen, room)
    room -= len(slowest) + len(blank)
    return slowest, request_lines("latest stalls", [*state.latest_stalls][::-1], plan, screen, room)


def _stacked(blocks: Sequence[list[Text]], blank: list[Text]) -> list[Text]:
    return [line for block in blocks if block for line in (*blank, *block)]


def _filled(lines: list[Text], height: int) -> list[Text]:
    return [*lines, *[_BLANK] * (height - len(lines))]


def _joined(left: Text, right: Text, start: int) -> Text:
    if not right:
        return left
    # No spaces are left at the end of a line: a terminal that is made narrower would fold them.
    line = left.copy()
    line.append(" " * max(0, start - left.cell_len))
    return line.append_text(right)
