"""How `harness doctor` shows what it finds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from textwrap import fill
from typing import TYPE_CHECKING

from harness.cli.output import say, say_json, width

if TYPE_CHECKING:
    from harness.doctor import Finding

#: As wide as the longest name of a check.
_NAME = 12
_WORDS = {"ok": "ok", "warn": "warn", "fail": "FAIL"}
_STYLES = {r"^ok ": "green", r"^warn ": "bold yellow", r"^FAIL ": "bold red", r"(?m)^ +-> .*$": "bold"}


def show(findings: Iterable[Finding], *, as_json: bool) -> int:
    """Print findings, each as it comes, and how it stands; 1 when something does not work, else 0."""
    from harness.doctor import failed

    found = []
    for one in findings:
        found.append(one)
        if not as_json:
            say(line(one, width()), _STYLES)
    if as_json:
        say_json({"ok": not failed(found), "findings": [asdict(one) for one in found]})
    else:
        say(f"\n{conclusion(found)}")
    return int(failed(found))


def line(one: Finding, columns: int | None = None) -> str:
    """A finding in one line, and what to do in another; broken between words for a terminal of so many columns."""
    indent = " " * (_NAME + 8)
    text = f"{_WORDS[one.status]:<5} {one.name:<{_NAME}}  {one.finding}"
    rows = [text, f"{indent}-> {one.advice}"] if one.advice else [text]
    if columns is None:
        return "\n".join(rows)
    return "\n".join(fill(row, columns, subsequent_indent=indent, drop_whitespace=True) for row in rows)


def conclusion(found: Sequence[Finding]) -> str:
    """How it stands, in a sentence."""
    broken = [one.name for one in found if one.status == "fail"]
    doubtful = sum(one.status == "warn" for one in found)
    if broken:
        return f"{len(broken)} of {len(found)} checks failed: {', '.join(broken)}"
    warned = f", {doubtful} warning{'s' * (doubtful != 1)}" if doubtful else ""
    return f"{len(found)} checks, nothing in the way{warned}; next: harness run article"
