"""Numbers, intervals and tables as text, for terminals and for Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any


def number(value: float | None, digits: int) -> str:
    """A number with fixed digits, or a dash."""
    return "-" if value is None else f"{value:.{digits}f}"


def digits_of(value: float) -> int:
    """Decimals that three significant digits of a time take, with one at least."""
    return 1 if value >= 10 else 2 if value >= 1 else 3


def seconds_text(value: float | None) -> str:
    """A time in seconds to three significant digits or a tenth of a second, or a dash."""
    return "-" if value is None else number(value, digits_of(value))


def total_text(total: Mapping[str, Any]) -> str:
    """The mean of totals."""
    return seconds_text(total["mean"])


def total_interval(total: Mapping[str, Any]) -> str:
    """The interval of the mean of totals, to the digits of the mean; no total is below zero."""
    pair = total["ci95"]
    return "-" if pair is None else interval([max(0.0, pair[0]), pair[1]], digits_of(total["mean"]))


def interval(pair: Sequence[float] | None, digits: int) -> str:
    """An interval in brackets, or a dash."""
    return "-" if pair is None else f"[{pair[0]:.{digits}f}, {pair[1]:.{digits}f}]"


def times(speedup: Mapping[str, Any]) -> str:
    """A speedup as "8.1x"; "n.s." beside it says not significant."""
    if speedup["mean"] is None:
        return "-"
    return f"{speedup['mean']:.2f}x" + (" n.s." if speedup["significant"] is False else "")


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first row is its header."""
    escaped = [[as_markdown(cell) for cell in row] for row in rows]
    header, *body = escaped
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def as_markdown(text: str) -> str:
    """Text that a name can be part of, as Markdown that says the same: one line, no markup, no bars of a table."""
    return re.sub(r"([\\`*<|])", r"\\\1", " ".join(text.split())).replace("](", "]\\(")


def plain(rows: Sequence[Sequence[str]], *, left: frozenset[int] = frozenset({0})) -> list[str]:
    """Lines of a table for a terminal; the first row is its header, columns in `left` begin at their left edge."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = [
        [
            text.ljust(width) if i in left else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    ]
    header, *body = ["  ".join(row).rstrip() for row in cells]
    return [header, "  ".join("-" * width for width in widths), *body]
