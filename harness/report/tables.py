"""The headline table in its three forms: rows, text for a terminal, Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

HEADER = (
    "cell",
    "total, s",
    "95 % interval",
    "speedup",
    "95 % interval",
    "failed",
    "load",
    "goodput",
    "TTFT p50, s",
    "TTFT p99, s",
    "slowest batch, s",
)

Row = tuple[str, ...]


def headline_rows(summary: Mapping[str, Any]) -> list[Row]:
    """One row per cell under HEADER; a dash stands for what there is not."""
    return [_row(cell, summary["reference"]) for cell in summary["cells"]]


def _row(cell: Mapping[str, Any], reference: str) -> Row:
    total, speedup = cell["total_s"], cell["speedup"]
    own = cell["cell"] == reference
    return (
        cell["cell"],
        number(total["mean"], 1),
        interval(total["ci95"], 1),
        "1 (reference)" if own else times(speedup),
        "-" if own else interval(speedup["ci95"], 2),
        f"{cell['failed']}/{cell['requests']}",
        number(cell["load"], 3),
        f"{cell['goodput']:.1%}",
        number(cell["ttft_s"]["p50"], 2),
        number(cell["ttft_s"]["p99"], 2),
        number(cell["batch_s"]["max"], 1),
    )


def number(value: float | None, digits: int) -> str:
    """A number with fixed digits, or a dash."""
    return "-" if value is None else f"{value:.{digits}f}"


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
    escaped = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    header, *body = escaped
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
