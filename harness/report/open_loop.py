"""What a run in the open loop says: not how long it took, which is how long requests came, but what users saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.quickest import Quickest, Ratio, quickest
from harness.plots.base import seconds
from harness.report.words import interval

#: Of loads that were tried, as many are in the sentence: the first and the last.
_MOST = 2

Cell = Mapping[str, Any]


def what_users_see(cells: Sequence[Cell]) -> str:
    """How slow the slow requests are, with the reference and with the cell whose mean latency is least."""
    found = quickest(cells)
    if not found:
        return _sentence(f"{'; '.join(_slow(cell) for cell in cells[:3])}{_more(len(cells) - 3)}")
    by_name = {cell["cell"]: cell for cell in cells}
    shown = found if len(found) <= _MOST else [found[0], found[-1]]
    several = len(found) > 1
    return _sentence("; ".join(_of_server(one, by_name, several=several) for one in shown))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _of_server(one: Quickest, cells: Mapping[str, Cell], *, several: bool) -> str:
    where = ",".join(f"{axis}={value}" for axis, value in one.server.items()) if several else ""
    base = next((ratio for ratio in one.ratios if ratio.is_reference), None)
    best = cells[one.cell]
    if base is None:
        text = _slow(best, where)
    else:
        text = f"{_slow(cells[base.cell], where)} and {_p99(best)} with {_name(best, where)}{_than(base)}"
    return f"with {where} {text}" if several else text


def _name(cell: Cell, where: str) -> str:
    """Of a cell, without what the sentence has said already."""
    said = where.split(",")
    return ",".join(part for part in str(cell["cell"]).split(",") if part not in said) or str(cell["cell"])


def _than(base: Ratio) -> str:
    known = "" if base.ci95 is None else f" {interval(base.ci95, 1)}"
    doubt = ", which is not significant" if base.significant is False else ""
    return f", {base.factor:.1f} times{known} less on average{doubt}"


def _slow(cell: Cell, where: str = "") -> str:
    fails = f" (of which {cell['failed'] / cell['requests']:.1%} fail)" if cell["failed"] else ""
    rare = "one request in a hundred takes more than" if _many(cell) else "the slowest request takes"
    return f"{rare} {_p99(cell)} with {_name(cell, where)}{fails}"


def _p99(cell: Cell) -> str:
    """Of what is rarer than one request nothing is known."""
    return seconds(float(cell["latency_s"]["p99" if _many(cell) else "max"]))


def _many(cell: Cell) -> bool:
    return int(cell["requests"]) >= 100


def _more(cells: int) -> str:
    return f"; {cells} more cells" if cells > 0 else ""
