"""The attempts that a recommendation rests on: of a run folder, or of a CSV from a production log."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis import tables
from harness.analysis.columns import Names
from harness.config.recorded import numbers_in
from harness.errors import UserError, did_you_mean
from harness.progress import Progress, nobody
from harness.storage import RunFolder

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
#: Fewer answered attempts than this show no tail at all.
FEWEST = 20
#: What is read of attempts.
_READ = ("cell", "trial", "batch", "request", "attempt", "outcome", "send_s", "end_s", "first_content_s")


@dataclass(frozen=True)
class Recording:
    """Attempts, one entry each: seconds to the first content (infinity: none came while the client waited).

    `groups` names what each belongs to, by kind: `batch`, `request`, `minute`, as far as it was recorded, and as
    `retry` whether it is one (1) or not (0); -1 stands for what must not be compared. Nothing is known beyond
    `limit_s`, the shortest time after which an attempt was given up, or the longest answer. `rests`
    are the seconds from the first content of an answer to its end (NaN: none came), None where they were not recorded.
    """

    source: str
    times: Floats
    groups: Mapping[str, Ints]
    limit_s: float
    rests: Floats | None = None

    def __len__(self) -> int:
        return len(self.times)

    @property
    def rest_s(self) -> float | None:
        """The median time from the first content to the end of an answer, in seconds; None where it is not known."""
        return None if self.rests is None or np.isnan(self.rests).all() else float(np.nanmedian(self.rests))

    @property
    def median_s(self) -> float:
        """Half of the attempts take longer, in seconds."""
        return float(np.median(self.times))


def recording_of(
    path: Path, *, cell: str | None = None, column: str = "ttft_s", progress: Progress = nobody
) -> Recording:
    """The attempts of a cell of a run folder, by default the one that waited longest, or of a CSV.

    A CSV has a column of seconds (empty: never answered), and perhaps `waited_s` (when such an attempt was given up),
    `batch`, `request` and `sent_s`. `progress` hears how much of a run folder has been read. Raises UserError.
    """
    if not path.exists():
        raise UserError(f"there is no {path}; give a run folder, or a CSV with a column of seconds")
    found = _of_run(RunFolder.open(path), cell, progress) if path.is_dir() else _of_csv(path, column)
    answered = int(np.isfinite(found.times).sum())
    if answered < FEWEST:
        raise UserError(
            f"{found.source} holds {answered} answered attempts; a tail needs {FEWEST} or more: record a longer run"
        )
    return found


def _of_run(folder: RunFolder, cell: str | None, progress: Progress) -> Recording:
    cells = Names()
    parts: list[_Attempts] = []
    if folder.has_records:
        with tables.load(folder, progress, columns=(("cell", "attempts"), _READ)) as chunks:
            for chunk in chunks:
                cells.coded(chunk.requests["cell"])
                parts.append(_Attempts.of(chunk.attempts, cells))
    if not cells:
        raise UserError(f"{folder.path} has no records; published results keep none, so run the experiment again")
    if cell is not None and cell not in cells:
        raise UserError(f"{folder.path} has no cell '{cell}'{did_you_mean(cell, cells)}")
    attempts = _Attempts.joined(parts)
    wanted = [cell] if cell is not None else list(cells)
    found = [_of_cell(f"{folder.path}, cell {name}", attempts.where(attempts.cell == cells[name])) for name in wanted]
    return max(found, key=lambda one: one.limit_s)


@dataclass(frozen=True)
class _Attempts:
    """One entry for each attempt; times in seconds, NaN where there was no content."""

    cell: Ints
    trial: Ints
    batch: Ints
    request: Ints
    attempt: Ints
    send_s: Floats
    end_s: Floats
    first_content_s: Floats
    ok: NDArray[np.bool_]

    @classmethod
    def of(cls, table: pa.Table, cells: Names) -> _Attempts:
        """Those of a table."""
        numbers: dict[str, Any] = {name: table[name].to_numpy() for name in _READ if name not in {"cell", "outcome"}}
        outcomes = Names()
        ok = outcomes.coded(table["outcome"]) == outcomes.get("ok", -1)
        return cls(cell=cells.coded(table["cell"]).astype(np.int64), ok=ok, **numbers)

    @classmethod
    def joined(cls, parts: Sequence[_Attempts]) -> _Attempts:
        """Parts one after the other."""
        return cls(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(cls)))

    def where(self, rows: NDArray[np.bool_]) -> _Attempts:
        """Some of them."""
        return _Attempts(*(getattr(self, one.name)[rows] for one in fields(self)))


def _of_cell(source: str, attempts: _Attempts) -> Recording:
    first, whole = attempts.first_content_s - attempts.send_s, attempts.end_s - attempts.send_s
    # An error is no answer, and says nothing of how long one would have taken beyond its own age.
    answered = ~np.isnan(first) & attempts.ok
    _, batches = np.unique(attempts.trial * (attempts.batch.max(initial=0) + 1) + attempts.batch, return_inverse=True)
    groups = {
        "batch": batches,
        # A retry is there because the attempt before it came to nothing, so it is no further draw of its request.
        "request": np.where(attempts.attempt == 1, attempts.request, -1),
        "retry": (attempts.attempt > 1).astype(np.int64),
        "minute": 1_000_000 * attempts.trial + (attempts.send_s // 60).astype(np.int64),
    }
    found = _recording(source, first, whole, answered, groups)
    # Of an attempt without content both are infinite or unknown, and so is the difference.
    return replace(found, rests=np.where(np.isfinite(found.times), whole - np.where(answered, first, 0.0), np.nan))


def _of_csv(path: Path, column: str) -> Recording:
    import pandas as pd

    try:
        table = pd.read_csv(path, index_col=False)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path} as CSV: {str(error).splitlines()[0]}") from None
    if column not in table:
        known = [str(name) for name in table.columns]
        raise UserError(f"{path} has no column '{column}'{did_you_mean(column, known)} (--column NAME)")
    times = numbers_in(table, column, path).to_numpy(dtype=float)
    answered = ~np.isnan(times)
    waited = np.full(len(table), math.inf)
    if "waited_s" in table:
        given = numbers_in(table, "waited_s", path).to_numpy(dtype=float)
        waited = np.where(np.isnan(given), math.inf, given)
    groups = {name: pd.factorize(table[name])[0].astype(np.int64) for name in ("batch", "request") if name in table}
    if "sent_s" in table:
        groups["minute"] = (numbers_in(table, "sent_s", path).fillna(0).to_numpy(dtype=float) // 60).astype(np.int64)
    return _recording(str(path), times, waited, answered, groups)


def _recording(source: str, first: Floats, waited: Floats, answered: NDArray[np.bool_], groups: Any) -> Recording:
    given_up = waited[~answered]
    longest = float(first[answered].max()) if answered.any() else 0.0
    known = float(given_up.min()) if given_up.size else longest
    # A log that does not say how long its clients waited was at least as patient as its slowest answer.
    limit = known if math.isfinite(known) else longest
    times = np.where(answered & (first <= limit), first, math.inf)
    return Recording(source, times, groups, limit)
