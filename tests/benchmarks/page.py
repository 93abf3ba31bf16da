"""docs/benchmarks.md, written from results.json: every figure on the page is one of its figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.results import Results, Table
from tests.benchmarks.sections import SECTIONS, Column, Section

PATH = Path(__file__).parents[2] / "docs" / "benchmarks.md"
#: What the system itself may keep busy.
IDLE_CORES = 0.2

_TOP = """# Benchmarks

No test fails on a time. All figures are medians, measured and written into this page by one command, which keeps them
in `tests/benchmarks/results.json` (`--help` tells how to measure a part alone, or with fewer rounds):

```sh
python -m tests.benchmarks
```
"""
_CHART = "![Requests per second and error of the time to first content, by client](benchmarks.svg)\n"


def render(results: Results) -> str:
    """The whole page."""
    return "\n".join([_TOP, *(_section(section, results["tables"]) for section in SECTIONS)])


def write(results: Results) -> None:
    """Write the page."""
    PATH.write_text(render(results))


def _section(section: Section, tables: dict[str, Table]) -> str:
    measured = [(title, tables[name], columns) for name, title, columns in section.tables if name in tables]
    parts = [f"## {section.title}\n", section.text.strip() + "\n"]
    if not measured:
        return "\n".join([*parts, f"Not measured yet: `python -m tests.benchmarks --only {section.part}`.\n"])
    if section.part == "clients":
        parts.append(_CHART)
    for title, table, columns in measured:
        parts += [f"### {title}\n"] * bool(title) + [_table(table, columns)]
    return "\n".join([*parts, f"{_about(section, [table for _, table, _ in measured])}\n"])


def _table(table: Table, columns: Sequence[Column]) -> str:
    """The rows that have more in these columns than a name; below them, what was left out or went wrong."""
    rows = [row for row in table["rows"] if any(column.cell(row) for column in columns[1:])]
    lines = [
        _line([column.head for column in columns]),
        "|" + "|".join("---:" if column.is_number else "---" for column in columns) + "|",
        *(_line([_code(column, row) for column in columns]) for row in rows),
        *_troubles(table, columns[0]),
    ]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    """What is empty takes one blank."""
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def _code(column: Column, row: dict[str, Any]) -> str:
    text = column.cell(row)
    return f"`{text}`" if column.keys in {("command",), ("module",)} else text


def _troubles(table: Table, name: Column) -> list[str]:
    found = []
    for row in table["rows"]:
        if "left_out" in row:
            found.append(f"- {name.cell(row)} is left out: {row['left_out']}")
        elif row.get("trouble"):
            found.append(f"- {name.cell(row)}: {row['turns']} turns counted, {len(row['trouble'])} failed")
    busy = max((row.get("others_cores") or 0.0 for row in table["rows"]), default=0.0)
    if busy > IDLE_CORES:
        found.append(f"- Other programs kept up to {busy:.1f} cores busy meanwhile: these figures are preliminary.")
    return ["", *found] if found else []


def _about(section: Section, tables: Sequence[Table]) -> str:
    """One sentence: when, on what, of what."""
    one = tables[0]
    versions = {name: version for table in tables for name, version in table["versions"].items()}
    versions = {"openai": one["openai"]} | versions
    took = [f"{1000 * table['million_additions_s']:.0f}" for table in tables if "million_additions_s" in table]
    speed = f", a million additions in {_range(sorted(took, key=int))} ms" if took else ""
    cores = f"{one['cores']} cores ({one['cpu']}{speed})"
    rounds = f", at most {one['rounds']} round{'s' * (one['rounds'] != 1)}" if one["rounds"] else ""
    named = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    command = f"`python -m tests.benchmarks --only {section.part}`"
    measured = _range(sorted(table["measured"] for table in tables))
    return f"{command}, {measured}{rounds}: {cores}, {one['system']}, Python {one['python']}, {named}."


def _range(ordered: Sequence[str]) -> str:
    """The first and the last, or the one that they are."""
    return ordered[0] if ordered[0] == ordered[-1] else f"{ordered[0]} to {ordered[-1]}"
