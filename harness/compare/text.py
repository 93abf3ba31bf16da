"""A comparison for a terminal and for a pull request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.report.words import interval, markdown, plain

if TYPE_CHECKING:
    from harness.compare import Comparison
    from harness.compare.cells import CellComparison

_HEADER = ("cell", "base, s", "candidate, s", "candidate/base", "95 % interval", "failed", "load", "verdict")


def as_text(comparison: Comparison) -> str:
    """A table for a terminal, and a sentence that says what it comes to."""
    rows = [_HEADER, *(_row(cell) for cell in comparison.cells)]
    lines = plain(rows, left=frozenset({0, len(_HEADER) - 1}))
    return "\n".join([*lines, *_changes(comparison), "", conclusion(comparison)])


def as_markdown(comparison: Comparison) -> str:
    """The sentence, the table, and what is missing or new, for a pull request or a job's summary."""
    rows: list[Sequence[str]] = [_HEADER, *(_row(cell) for cell in comparison.cells)]
    changes = [f"- {line}" for line in _changes(comparison)]
    blocks = [f"**{conclusion(comparison)}**", markdown(rows), *(["\n".join(changes)] if changes else [])]
    return "\n\n".join(blocks) + "\n"


def conclusion(comparison: Comparison) -> str:
    """Whether it fails, and why."""
    limit = f"more than {comparison.fail_over_percent:g} % " if comparison.fail_over_percent else ""
    parts = []
    for reason in ("slower", "more failures", "more load"):
        names = [cell.cell for cell in comparison.cells if reason in cell.reasons]
        if names:
            parts.append(f"significantly {limit}{reason}: {', '.join(names)}")
    if comparison.missing:
        parts.append(f"no longer there: {', '.join(comparison.missing)}; compare with a base that has the same cells")
    if parts:
        return "FAIL: " + "; ".join(parts)
    return "ok: no cell is significantly slower than allowed, fails more or asks for more"


def _changes(comparison: Comparison) -> list[str]:
    return [
        *(f"missing in the candidate: {name}" for name in comparison.missing),
        *(f"new in the candidate: {name}" for name in comparison.new),
    ]


def _row(cell: CellComparison) -> tuple[str, ...]:
    return (
        cell.cell,
        f"{cell.base_s:.1f}",
        f"{cell.candidate_s:.1f}",
        f"{cell.ratio:.3f}",
        interval(cell.ci95, 3),
        f"{cell.failed[0]:.2%} -> {cell.failed[1]:.2%}",
        f"{cell.load[0]:.3f} -> {cell.load[1]:.3f}",
        cell.verdict + (f" (FAIL: {', '.join(cell.reasons)})" if cell.fails else ""),
    )
