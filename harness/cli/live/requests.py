"""Lists of single requests in the live view: the slowest so far, and the latest stalls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from harness.cli.live.plan import Plan
from harness.cli.live.screen import Screen
from harness.cli.live.text import fitted, seconds
from harness.records import Outcome

#: So many requests are listed at most.
MOST = 5
#: Width of the seconds; a name is not cut shorter than this for the sake of a number.
_SECONDS, _LEAST_NAME = 11, 16
#: Titles and widths of the numbers, in the order in which they are kept where there is little room.
_NUMBERS = {"request": 9, "attempts": 10, "batch": 7, "trial": 7}
_SHOWN = ("trial", "batch", "request", "attempts")


@dataclass(frozen=True)
class _Layout:
    """Which numbers are shown, how wide names are, whether the outcome has room, and what cells are called."""

    numbers: Sequence[str]
    name: int
    has_outcome: bool
    names: Mapping[str, str]


def request_lines(title: str, outcomes: Sequence[Outcome], plan: Plan, screen: Screen, room: int) -> list[Text]:
    """A title and the requests, no more than there is room for; nothing where there is none to show."""
    if room < 2 or not outcomes:
        return []
    outcomes = outcomes[: min(MOST, room - 1)]
    layout = _layout(outcomes, plan, screen.width)
    head = f"{title:<{_SECONDS}}  {'cell'[: layout.name]:<{layout.name}}"
    if len(title) > _SECONDS:
        # There it needs the place of the word `cell`.
        head = f"{title:<{_SECONDS + 2 + layout.name}}"
    head += "".join(f"{number:>{_NUMBERS[number]}}" for number in layout.numbers)
    head += "  outcome" if layout.has_outcome else ""
    return [Text(head, "dim", no_wrap=True), *(_row(one, layout, screen) for one in outcomes)]


def _layout(outcomes: Sequence[Outcome], plan: Plan, width: int) -> _Layout:
    whole = {one.cell: one.cell for one in outcomes}
    longest = max(4, *(cell_len(name) for name in whole))
    least = min(longest, _LEAST_NAME)
    left = width - _SECONDS - 2
    kept = []
    # What is 1 for all says nothing.
    vain = {"trial"} if plan.trials == 1 else set()
    vain |= {"batch"} if all(cell.batches == 1 for cell in plan.cells) else set()
    for number, needed in _NUMBERS.items():
        if number in vain:
            continue
        if left - needed < least:
            break
        left -= needed
        kept.append(number)
    ending = 2 + max(len("outcome"), *(len(one.outcome) for one in outcomes))
    has_outcome = left - ending >= least
    left -= ending if has_outcome else 0
    names = whole if longest <= left else plan.short_names
    name = max(4, *(cell_len(names[cell]) for cell in whole))
    return _Layout([number for number in _SHOWN if number in kept], max(0, min(name, left)), has_outcome, names)


def _row(outcome: Outcome, layout: _Layout, screen: Screen) -> Text:
    numbers = {
        "trial": outcome.trial + 1,
        "batch": outcome.batch + 1,
        "request": outcome.request,
        "attempts": len(outcome.attempts),
    }
    line = Text(no_wrap=True)
    line.append(f"{seconds(outcome.end_s - outcome.start_s):>{min(_SECONDS, screen.width)}}", "bold")
    if layout.name:
        line.append("  ").append(fitted(layout.names[outcome.cell], layout.name, screen.glyphs))
    line.append("".join(f"{numbers[number]:>{_NUMBERS[number]},}" for number in layout.numbers))
    if layout.has_outcome:
        line.append(f"  {outcome.outcome}", "" if outcome.ok else "red")
    return line
