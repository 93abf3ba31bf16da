"""Two runs, cell by cell: what got slower, with its certainty, and whether CI should fail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.analysis import statistics, summarise
from harness.errors import UserError
from harness.records import SCHEMA_VERSION
from harness.report.tables import interval
from harness.storage import SUMMARY, RunFolder

#: Must be equal for two runs to be comparable, with the words for them.
_SAME = {"clock": "clocks", "time_scale": "time scales"}
_SAME_CELL = {"workload": "workloads", "profile": "profiles", "target": "targets"}


@dataclass(frozen=True)
class CellComparison:
    """One cell in both runs. `ratio` is candidate / base of the mean totals; above 1 is slower."""

    cell: str
    base_s: float
    candidate_s: float
    ratio: float
    ci95: tuple[float, float] | None
    paired: bool
    trials: tuple[int, int]
    failed: tuple[float, float]
    load: tuple[float, float]
    verdict: str
    fails: bool


@dataclass(frozen=True)
class Comparison:
    """All cells of two runs; `missing` were in the base only, `new` in the candidate only."""

    cells: tuple[CellComparison, ...]
    missing: tuple[str, ...]
    new: tuple[str, ...]
    fail_over_percent: float

    @property
    def exit_code(self) -> int:
        """1 when a cell is significantly slower than allowed, or is no longer there."""
        return int(bool(self.missing) or any(cell.fails for cell in self.cells))

    def to_json(self) -> str:
        """Everything, with the exit code."""
        return json.dumps(asdict(self) | {"exit_code": self.exit_code}, indent=1, sort_keys=True)

    def to_text(self) -> str:
        """A table for a terminal, and a sentence that says what it comes to."""
        header = ("cell", "base, s", "candidate, s", "candidate/base", "95 % interval", "failed", "load", "verdict")
        rows = [header, *(_row(cell) for cell in self.cells)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
        last = len(header) - 1
        lines = [
            "  ".join(
                text.ljust(width) if i in {0, last} else text.rjust(width)
                for i, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        lines += [f"missing in the candidate: {name}" for name in self.missing]
        lines += [f"new in the candidate: {name}" for name in self.new]
        return "\n".join([*lines, "", self._conclusion()])

    def _conclusion(self) -> str:
        slower = [cell.cell for cell in self.cells if cell.fails]
        if slower:
            limit = f"more than {self.fail_over_percent:g} % " if self.fail_over_percent else ""
            return f"FAIL: significantly {limit}slower: {', '.join(slower)}"
        if self.missing:
            return f"FAIL: no longer there: {', '.join(self.missing)}; compare with a base that has the same cells"
        return "ok: no cell is significantly slower than allowed"


def compare(base: str | Path, candidate: str | Path, *, fail_over_percent: float = 0.0) -> Comparison:
    """Compare two run folders or summary.json files, matching cells by name.

    A cell fails when the whole 95 % interval of candidate / base lies above 1 + fail_over_percent / 100. Trials are
    paired where the seeds are equal. Raises UserError for runs that cannot be compared: another workload, profile,
    target, clock or schema, or no common cell.
    """
    before, after = _load(base), _load(candidate)
    for key, words in _SAME.items():
        _check_equal(before[key], after[key], words, "")
    olds = {cell["cell"]: cell for cell in before["cells"]}
    news = {cell["cell"]: cell for cell in after["cells"]}
    common = [name for name in olds if name in news]
    if not common:
        raise UserError(f"no cell is in both runs: {', '.join(olds)} against {', '.join(news)}")
    return Comparison(
        cells=tuple(_compare_cell(olds[name], news[name], fail_over_percent) for name in common),
        missing=tuple(name for name in olds if name not in news),
        new=tuple(name for name in news if name not in olds),
        fail_over_percent=fail_over_percent,
    )


def _load(place: str | Path) -> dict[str, Any]:
    path = Path(place)
    if path.is_dir():
        folder = RunFolder.open(path)
        return folder.summary() if (path / SUMMARY).is_file() else summarise(folder)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror}); give a run folder or a {SUMMARY}") from None
    except ValueError:
        raise UserError(f"{path} is not JSON; give a run folder or a {SUMMARY}") from None
    if not isinstance(content, dict) or "cells" not in content:
        raise UserError(f"{path} is not a {SUMMARY}")
    if content.get("schema") != SCHEMA_VERSION:
        raise UserError(f"{path} has schema {content.get('schema')}, this version reads schema {SCHEMA_VERSION}")
    return content


def _check_equal(before: Any, after: Any, words: str, where: str) -> None:
    if before != after:
        raise UserError(f"{where}the runs have different {words} ({before} and {after}) and cannot be compared")


def _compare_cell(old: Mapping[str, Any], new: Mapping[str, Any], fail_over_percent: float) -> CellComparison:
    for key, words in _SAME_CELL.items():
        _check_equal(old[key], new[key], words, f"cell {old['cell']}: ")
    before = dict(zip(old["seeds"], old["total_s"]["per_trial"], strict=True))
    after = dict(zip(new["seeds"], new["total_s"]["per_trial"], strict=True))
    if not before or not after:
        raise UserError(f"cell {old['cell']} has no complete trial in one of the runs; continue it with resume=true")
    common = sorted(before.keys() & after.keys())
    paired = bool(common)
    ours = [after[seed] for seed in common] if paired else list(after.values())
    theirs = [before[seed] for seed in common] if paired else list(before.values())
    base_s, candidate_s = statistics.mean(theirs), statistics.mean(ours)
    if base_s == 0:
        raise UserError(f"cell {old['cell']} took no time at all in the base; there is nothing to compare with")
    found = statistics.ratio_interval(ours, theirs, paired=paired)
    same = paired and ours == theirs
    limit = 1 + fail_over_percent / 100
    return CellComparison(
        cell=old["cell"],
        base_s=round(base_s, 9),
        candidate_s=round(candidate_s, 9),
        ratio=round(candidate_s / base_s, 9),
        ci95=None if found is None else (round(found[0], 9), round(found[1], 9)),
        paired=paired,
        trials=(len(theirs), len(ours)),
        failed=(old["failed"] / old["requests"], new["failed"] / new["requests"]),
        load=(old["load"], new["load"]),
        verdict=_verdict(found, paired=paired, same=same, trials=min(len(ours), len(theirs))),
        fails=not same and found is not None and found[0] > limit,
    )


def _verdict(found: statistics.Interval | None, *, paired: bool, same: bool, trials: int) -> str:
    if same:
        return "equal"
    if found is None:
        return f"not decided: {trials} trial{'s' * (trials != 1)}, run with trials=10 or more"
    word = "slower" if found[0] > 1 else "faster" if found[1] < 1 else "no significant difference"
    return word if paired else f"{word} (unpaired: no seed in common)"


def _row(cell: CellComparison) -> tuple[str, ...]:
    return (
        cell.cell,
        f"{cell.base_s:.1f}",
        f"{cell.candidate_s:.1f}",
        f"{cell.ratio:.3f}",
        interval(cell.ci95, 3),
        f"{cell.failed[0]:.2%} -> {cell.failed[1]:.2%}",
        f"{cell.load[0]:.3f} -> {cell.load[1]:.3f}",
        cell.verdict + (" (FAIL)" if cell.fails else ""),
    )
