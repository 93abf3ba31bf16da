"""Two runs, cell by cell: what got slower, fails more or asks for more, with its certainty; whether CI should fail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.analysis import summarise
from harness.compare.baseline import write_baseline
from harness.compare.cells import CellComparison, check_equal, compare_cells
from harness.compare.text import as_markdown, as_text
from harness.errors import UserError, did_you_mean
from harness.records import SCHEMA_VERSION
from harness.storage import SUMMARY, RunFolder

__all__ = ["CellComparison", "Comparison", "baseline", "compare", "compare_two_cells"]

#: Must be equal for two runs to be comparable, with the words for them.
_SAME = {"clock": "clocks", "time_scale": "time scales"}


@dataclass(frozen=True)
class Comparison:
    """All cells of two runs; `missing` were in the base only, `new` in the candidate only."""

    cells: tuple[CellComparison, ...]
    missing: tuple[str, ...]
    new: tuple[str, ...]
    fail_over_percent: float

    @property
    def exit_code(self) -> int:
        """1 when a cell is significantly worse than allowed, or is no longer there."""
        return int(bool(self.missing) or any(cell.fails for cell in self.cells))

    def to_json(self) -> str:
        """Everything, with the exit code."""
        return json.dumps(asdict(self) | {"exit_code": self.exit_code}, indent=1, sort_keys=True)

    def to_text(self) -> str:
        """A table for a terminal, and a sentence that says what it comes to."""
        return as_text(self)

    def to_markdown(self) -> str:
        """The same for a pull request."""
        return as_markdown(self)


def compare(base: str | Path, candidate: str | Path, *, fail_over_percent: float = 0.0) -> Comparison:
    """Compare two run folders or summary.json files, matching cells by name.

    A cell fails when candidate / base of its totals lies above 1 + fail_over_percent / 100 with 97.5 % certainty,
    corrected for the number of cells (Holm), or when its failures or its load do; trials are paired where the seeds are
    equal. Raises UserError for runs that cannot be compared: another workload, profile, target, clock or schema, or no
    common cell.
    """
    before, after = _load(base), _load(candidate)
    for key, words in _SAME.items():
        check_equal(before[key], after[key], words, "")
    olds, news = _by_name(before), _by_name(after)
    common = [name for name in olds if name in news]
    if not common:
        raise UserError(f"no cell is in both runs: {', '.join(olds)} against {', '.join(news)}")
    return Comparison(
        cells=compare_cells([(name, olds[name], news[name]) for name in common], fail_over_percent),
        missing=tuple(name for name in olds if name not in news),
        new=tuple(name for name in news if name not in olds),
        fail_over_percent=fail_over_percent,
    )


def compare_two_cells(run: str | Path, base: str, candidate: str, *, fail_over_percent: float = 0.0) -> Comparison:
    """Compare two cells of one run. Raises UserError for a cell that it does not have."""
    cells = _by_name(_load(run))
    for name in (base, candidate):
        if name not in cells:
            raise UserError(f"{run} has no cell '{name}'{did_you_mean(name, cells)}")
    pair = (f"{base} -> {candidate}", cells[base], cells[candidate])
    return Comparison(compare_cells([pair], fail_over_percent), (), (), fail_over_percent)


def baseline(run: str | Path, path: str | Path) -> None:
    """Write what of a run later ones are compared with. Raises UserError."""
    write_baseline(_load(run), Path(path))


def _by_name(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {cell["cell"]: cell for cell in summary["cells"]}


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
