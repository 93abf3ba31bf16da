"""Lists of single requests in the live view: the slowest so far, and the latest stalls."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from harness.cli.live.screen import Screen
from harness.cli.live.text import fitted, seconds
from harness.records import Outcome

#: So many requests are listed at most.
MOST = 5
_SECONDS, _LEAST_NAME = 11, 10
#: Title and width of the numbers, in the order in which they are given up where there is no room.
_NUMBERS = (("request", 9), ("attempts", 10), ("batch", 7), ("trial", 7))
_SHOWN = ("trial", "batch", "request", "attempts")


def request_lines(title: str, outcomes: Sequence[Outcome], screen: Screen, room: int) -> list[Text]:
    """A title and the requests, no more than there is room for; nothing where there is none to show."""
    if room < 2 or not outcomes:
        return []
    outcomes = outcomes[: min(MOST, room - 1)]
    longest = max(cell_len(one.cell) for one in outcomes)
    ending = max(len("outcome"), *(len(one.outcome) for one in outcomes))
    left = screen.width - _SECONDS - 2
    names = _fitting(left - _LEAST_NAME)
    left -= sum(width for name, width in _NUMBERS if name in names)
    ending = ending if left - ending - 2 >= _LEAST_NAME else 0
    name = max(0, min(max(longest, len("cell")), left - (ending + 2 if ending else 0)))
    head = (
        f"{title:<{_SECONDS}}  {'cell'[:name]:<{name}}" if len(title) <= _SECONDS else f"{title:<{_SECONDS + 2 + name}}"
    )
    head += "".join(f"{column:>{dict(_NUMBERS)[column]}}" for column in names) + ("  outcome" if ending else "")
    lines = [Text(fitted(head, screen.width, screen.glyphs).rstrip(), "dim", no_wrap=True)]
    return lines + [_row(one, names, name, ending, screen) for one in outcomes]


def _fitting(room: int) -> list[str]:
    kept = set()
    for title, width in _NUMBERS:
        if width > room:
            break
        room -= width
        kept.add(title)
    return [title for title in _SHOWN if title in kept]


def _row(outcome: Outcome, names: Sequence[str], name: int, ending: int, screen: Screen) -> Text:
    numbers = {
        "trial": outcome.trial + 1,
        "batch": outcome.batch + 1,
        "request": outcome.request,
        "attempts": len(outcome.attempts),
    }
    widths = dict(_NUMBERS)
    line = Text(no_wrap=True)
    line.append(f"{seconds(outcome.end_s - outcome.start_s):>{min(_SECONDS, screen.width)}}", "bold")
    if name:
        line.append("  ").append(fitted(outcome.cell, name, screen.glyphs))
    line.append("".join(f"{numbers[title]:>{widths[title]},}" for title in names))
    if ending:
        line.append(f"  {outcome.outcome}", "" if outcome.ok else "red")
    return line
