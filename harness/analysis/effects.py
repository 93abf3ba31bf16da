"""What a fault did to a cell: nothing, or how it harmed the requests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis.columns import Columns
from harness.analysis.judged import judged
from harness.profiles import Profile

#: From the best to the worst.
GRADES = ("unharmed", "slower", "stuck", "fails", "hangs", "wrong")
#: Times the total without the fault from which a cell is slower, and from which it is stuck.
SLOWER, STUCK = 1.5, 10.0

Cell = dict[str, Any]


def short_answers(about: Mapping[str, Any], part: Columns, profile: Profile | None) -> int | None:
    """How many requests of a cell passed for answered with fewer tokens than the server's whole answer has.

    None where nobody knows how long that is: behind a real API, where a chunk can hold more than one token, and where
    requests ask for answers of different lengths.
    """
    if profile is None or about["target"] != "mock" or profile.tokens_per_chunk != 1 or about.get("answers_differ"):
        return None
    whole = about.get("max_tokens") or profile.output_tokens
    return int((part.ok & (part.tokens < whole)).sum())


def add_effects(cells: Sequence[Cell]) -> None:
    """Add to each cell of the axis `fault` its `effect`, compared with the same settings without a fault.

    `grade` is the worst that is true: `wrong` (a part passed for a whole answer), `hangs` (requests were still under
    way at the limit of their batch), `fails` (requests got no whole answer), `stuck` or `slower` (all were answered, in
    `STUCK` or `SLOWER` times the total), or `unharmed`. `slowdown` is that ratio of mean totals, and `failed` the share
    of requests without a whole answer. Cells without a total, interrupted as they were, have none.
    """
    spared = {_settings(cell): cell for cell in cells if cell["axes"].get("fault") == "none"}
    for cell in cells:
        base = spared.get(_settings(cell))
        effect = _effect(cell, base) if "fault" in cell["axes"] and base is not None else None
        if effect is not None:
            cell["effect"] = effect


def _effect(cell: Cell, base: Cell) -> dict[str, Any] | None:
    own, calm = judged(cell)["mean"], judged(base)["mean"]
    slowdown = round(own / calm, 9) if own is not None and calm else None
    if cell["short"]:
        grade = "wrong"
    elif "unfinished" in cell["failures"]:
        grade = "hangs"
    elif cell["failed"]:
        grade = "fails"
    elif slowdown is None:
        return None
    elif slowdown >= SLOWER:
        grade = "stuck" if slowdown >= STUCK else "slower"
    else:
        grade = "unharmed"
    return {"grade": grade, "slowdown": slowdown, "failed": round(cell["failed"] / cell["requests"], 9)}


def _settings(cell: Mapping[str, Any]) -> str:
    return repr(sorted((axis, repr(value)) for axis, value in cell["axes"].items() if axis != "fault"))


def brief(effect: Mapping[str, Any]) -> str:
    """An effect in a few letters: how many times slower, how many per cent fail, "!" for wrong; "" if unharmed."""
    if effect["grade"] in {"slower", "stuck"}:
        return f"{effect['slowdown']:.0f}x" if effect["slowdown"] >= 2 else f"{effect['slowdown']:.1f}x"
    if effect["grade"] in {"fails", "hangs"}:
        percent = 100 * effect["failed"]
        return f"{percent:.0f} %" if percent >= 1 else f"{percent:.1f} %"
    return "!" if effect["grade"] == "wrong" else ""


@dataclass(frozen=True)
class Standing:
    """How one choice of settings got through the faults: `effects` and `cells` by fault, in the order of the matrix."""

    name: str
    effects: dict[str, Mapping[str, Any]]
    cells: dict[str, str]

    def count(self, *grades: str) -> int:
        """How many faults had one of these grades."""
        return sum(effect["grade"] in grades for effect in self.effects.values())

    @property
    def answered(self) -> int:
        """Under how many faults every request was answered whole."""
        return self.count("unharmed", "slower", "stuck")

    @property
    def slowdown(self) -> float:
        """Geometric mean over the faults of the ratio to the total without a fault."""
        logs = [math.log(effect["slowdown"]) for effect in self.effects.values() if effect["slowdown"]]
        return math.exp(math.fsum(logs) / len(logs)) if logs else 1.0


def standings(cells: Sequence[Mapping[str, Any]]) -> list[Standing]:
    """One for each choice of settings, in the order of the matrix; empty where no fault is an axis.

    Names leave out the fault, and every axis that is the same for all.
    """
    faced = [cell for cell in cells if "effect" in cell and cell["axes"]["fault"] != "none"]
    values = {axis: {repr(cell["axes"].get(axis)) for cell in faced} for cell in faced for axis in cell["axes"]}
    telling = [axis for axis, found in values.items() if axis != "fault" and (len(found) > 1 or axis == "strategy")]
    found: dict[str, Standing] = {}
    for cell in faced:
        name = ", ".join(str(cell["axes"].get(axis)) for axis in telling) or cell["strategy"]["name"]
        one = found.setdefault(name, Standing(name, {}, {}))
        one.effects[cell["axes"]["fault"]] = cell["effect"]
        one.cells[cell["axes"]["fault"]] = cell["cell"]
    return list(found.values())


def ranked(found: Sequence[Standing]) -> list[Standing]:
    """The best first: whoever answers everything under the most faults; of equals, whoever is slowed down least."""
    return sorted(found, key=lambda one: (-one.answered, one.slowdown))
