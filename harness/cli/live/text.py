"""Words, numbers and bars of the live view, each cut to a width that is counted in columns of a terminal."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text


@dataclass(frozen=True)
class Glyphs:
    """What bars and marks are drawn with: they differ in shape, for a terminal may show no colour."""

    done: str = "━"
    half: str = "╸"
    rest: str = "─"
    here: str = "▸"
    more: str = "…"
    up: str = "↑"
    down: str = "↓"
    dot: str = "·"


#: For terminals that show nothing but ASCII.
ASCII = Glyphs("#", "", "-", ">", "~", "^", "v", "-")


def bar(share: float, width: int, glyphs: Glyphs, style: str = "cyan") -> Text:
    """A bar of exactly that width; full only when all is done, and empty only when nothing is."""
    halves = min(2 * width, max(0, math.floor(2 * width * share)))
    if share < 1:
        halves = min(halves, 2 * width - 1)
    if share > 0:
        halves = max(halves, 1)
    full, half = halves // 2, glyphs.half if halves % 2 else ""
    text = Text(no_wrap=True)
    text.append(glyphs.done * full + half, style)
    text.append(glyphs.rest * (width - full - len(half)), "dim")
    return text


def fitted(name: str, width: int, glyphs: Glyphs) -> str:
    """A name in exactly that width: padded, or cut in the middle, for cells of a matrix begin and end alike."""
    name = printable(name)
    if cell_len(name) <= width:
        return set_cell_size(name, width)
    if width < 8:
        return set_cell_size(set_cell_size(name, max(0, width - 1)) + glyphs.more, width)
    tail = (width - 1) // 2
    head = width - 1 - tail
    end = name
    while cell_len(end) > tail:
        end = end[1:]
    return set_cell_size(set_cell_size(name, head) + glyphs.more + end, width)


def printable(text: str) -> str:
    """The same without letters that would move the cursor."""
    return text if text.isprintable() else "".join(letter if letter.isprintable() else " " for letter in text)


def seconds(value: float) -> str:
    """Seconds of the run's clock, to three digits or so."""
    if value < 10:
        return f"{value:.2f} s"
    return f"{value:.1f} s" if value < 1000 else f"{value:,.0f} s"


def duration(value: float | None) -> str:
    """A time to wait, as m:ss or h:mm:ss."""
    if value is None or not math.isfinite(value):
        return "-:--"
    whole = int(value)
    minutes = f"{whole // 60 % 60}:{whole % 60:02d}"
    return minutes if whole < 3600 else f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def percent(share: float) -> str:
    """A share in whole per cent, 100 only when all is done."""
    return f"{math.floor(100 * share)} %"
