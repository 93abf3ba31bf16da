"""What a run says in a terminal: a sentence, a line or two for each cell, and who was quickest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from harness.analysis.judged import is_open, judged
from harness.analysis.quickest import Quickest, Ratio, quickest
from harness.report.published import published_summary
from harness.report.tables import headline
from harness.report.verdict import verdict
from harness.report.words import digits_of, interval, number, plain, seconds_text, total_interval, total_text

#: Cells that are shown with their range, and compared with the quickest one. More are a table.
FEW = 12
#: The columns of a table that fit a terminal of 100 characters, and rows that are still read there.
_COLUMNS, _ROWS = 7, 60

#: What a terminal shows in colours, see `harness.cli.output`.
STYLES = {
    r"(?s)\A.+?(?=\n\n|\Z)": "bold",
    r"(?m)^Summary$": "bold",
    r"(?m)^  (?:with \S+, )?\S+(?= (?:ran|answered, on average,)$)": "bold cyan",
    r"(?m)^ +[\d.]+(?= (?:\[[^\]]*\] )?times faster)": "bold green",
    r"not significant|which fails less": "yellow",
    r"(?m)^note:": "bold yellow",
    r"(?m)^cell  .*$|^-[- ]+$": "dim",
}


def headline_text(summary: Mapping[str, Any], columns: int | None = None) -> str:
    """The verdict, the cells, the quickest of them, and the warnings, for a terminal of so many columns; None: any."""
    parts = [_folded(verdict(summary), columns), "\n".join(_cells(summary, columns))]
    if len(summary["cells"]) <= FEW:
        did = "answered, on average," if any(map(is_open, summary["cells"])) else "ran"
        block = _summary(quickest(summary["cells"]), did)
        parts += ["\n".join(_folded(line, columns, indent=6) for line in block.splitlines())]
    notes = [f"note: {note['message']} ({note['advice']})" for note in summary["warnings"]]
    parts += ["\n".join(_folded(note, columns, indent=6) for note in notes)]
    return "\n\n".join(part for part in parts if part)


def _folded(text: str, columns: int | None, *, indent: int = 0) -> str:
    """A sentence broken between words where a terminal would break within them."""
    if columns is None or len(text) <= columns:
        return text
    return fill(text, columns, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def published_text(ours: Mapping[str, Any], columns: int | None = None) -> str | None:
    """The table of what is published with the harness for the same cells, workload and server; None when nothing is.

    As many of its columns as fit a terminal of so many `columns`; None: all.
    """
    summary = published_summary(ours["experiment"])
    if summary is None or _played(summary) != _played(ours):
        return None
    trials = max(cell["trials"] for cell in summary["cells"])
    return "\n".join([f"published with the harness ({trials} trials):", *_table(summary, columns)])


def _played(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What must be equal for two tables to stand below each other."""
    return [(cell["cell"], cell["workload"], cell["profile"], cell["target"]) for cell in summary["cells"]]


def _table(summary: Mapping[str, Any], columns: int | None) -> list[str]:
    if len(summary["cells"]) > _ROWS:
        return [f"{len(summary['cells'])} cells: see summary.json, or tables/cells.csv of the report"]
    rows = headline(summary)
    tables = (plain([row[:count] for row in rows]) for count in range(_COLUMNS, 1, -1))
    narrow = plain([row[:1] for row in rows])
    return next((lines for lines in tables if columns is None or len(lines[1]) <= columns), narrow)


def _cells(summary: Mapping[str, Any], columns: int | None) -> list[str]:
    if len(summary["cells"]) > FEW:
        return _table(summary, columns)
    lines = plain([_header(summary), *(_row(cell) for cell in summary["cells"])])
    if columns is None or max(map(len, lines)) <= columns:
        return lines
    return [line for cell in summary["cells"] for line in _stacked(cell)]


def _header(summary: Mapping[str, Any]) -> tuple[str, ...]:
    if any(map(is_open, summary["cells"])):
        return ("cell", "p50, s", "p99, s", "95 % interval", "mean, s", "95 % interval", "failed", "load")
    counts = {cell["trials"] for cell in summary["cells"]}
    several = f"range of {counts.pop()} trials" if len(counts) == 1 and counts != {1} else "range of trials"
    return ("cell", "total, s", "95 % interval", several, "failed", "load")


def _row(cell: Mapping[str, Any]) -> tuple[str, ...]:
    if is_open(cell):
        return _open_row(cell)
    total = cell["total_s"]
    return (
        cell["cell"],
        total_text(total),
        total_interval(total),
        _range(total["per_trial"]),
        f"{cell['failed']}/{cell['requests']}",
        number(cell["load"], 3),
    )


def _open_row(cell: Mapping[str, Any]) -> tuple[str, ...]:
    """What users saw, where requests came of themselves."""
    latency, mean = cell["latency_s"], judged(cell)
    return (
        cell["cell"],
        seconds_text(latency["p50"]),
        seconds_text(latency["p99"]),
        interval(latency["ci95"].get("p99"), digits_of(latency["p99"])),
        total_text(mean),
        total_interval(mean),
        f"{cell['failed']}/{cell['requests']}",
        number(cell["load"], 3),
    )


def _stacked(cell: Mapping[str, Any]) -> list[str]:
    """A cell for a narrow terminal: its name, and its figures below."""
    if is_open(cell):
        _, half, rare, _, mean, _, failed, load = _open_row(cell)
        return [cell["cell"], f"  p50 {half} s, p99 {rare} s, mean {mean} s, {failed} failed, load {load}"]
    total = cell["total_s"]
    known = f" {total_interval(total)}" if total["ci95"] else ""
    spread = f", {_range(total['per_trial'])}" if len(total["per_trial"]) > 1 else ""
    figures = f"  {total_text(total)} s{known}{spread}"
    return [cell["cell"], f"{figures}, {cell['failed']}/{cell['requests']} failed, load {number(cell['load'], 3)}"]


def _range(totals: Sequence[float]) -> str:
    if len(totals) < 2:
        return "-"
    digits = digits_of(max(totals))
    return f"{min(totals):.{digits}f} … {max(totals):.{digits}f}"


def _summary(found: Sequence[Quickest], did: str) -> str:
    blocks = [_block(one, did, several=len(found) > 1) for one in found]
    return "\n".join(["Summary", *blocks]) if blocks else ""


def _block(one: Quickest, did: str, *, several: bool) -> str:
    server = ",".join(f"{axis}={value}" for axis, value in one.server.items())
    name = f"with {server}, {one.cell}" if several else one.cell
    width = max((len(f"{ratio.factor:.2f}") for ratio in one.ratios), default=0)
    lines = [f"  {name} {did}", *(f"    {_compared(ratio, width)}" for ratio in one.ratios)]
    if one.passed_over:
        lines.append(f"    (quicker, but with more failures: {', '.join(one.passed_over)})")
    return "\n".join(lines)


def _compared(ratio: Ratio, width: int) -> str:
    other = f"{ratio.cell} (reference)" if ratio.is_reference else ratio.cell
    if ratio.ci95 is None and ratio.significant is False:
        return f"{'':>{width}} as fast as {other}: {ratio.why_not}"
    known = "" if ratio.ci95 is None else f" {interval(ratio.ci95, 2)}"
    doubt = ""
    if ratio.ci95 is None:
        doubt = f" (no interval: {ratio.why_not})" if ratio.why_not else ""
    elif not ratio.significant:
        doubt = " (not significant)"
    less = ", which fails less" if ratio.fails_less else ""
    return f"{ratio.factor:>{width}.2f}{known} times faster than {other}{less}{doubt}"
