"""The attempts that a recommendation rests on: of a run folder, or of a CSV from a production log."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.config.recorded import numbers_in
from harness.errors import UserError, did_you_mean
from harness.progress import Progress, nobody
from harness.storage import RunFolder

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
#: Fewer answered attempts than this show no tail at all.
FEWEST = 20


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
    by_cell: dict[str, list[Mapping[str, Any]]] = {}
    for line in folder.lines(progress) if folder.has_records else ():
        by_cell.setdefault(line["cell"], []).append(line)
    if not by_cell:
        raise UserError(f"{folder.path} has no records; published results keep none, so run the experiment again")
    if cell is not None and cell not in by_cell:
        raise UserError(f"{folder.path} has no cell '{cell}'{did_you_mean(cell, by_cell)}")
    names = [cell] if cell is not None else list(by_cell)
    found = [_of_lines(f"{folder.path}, cell {name}", by_cell[name]) for name in names]
    return max(found, key=lambda one: one.limit_s)


def _of_lines(source: str, lines: Sequence[Mapping[str, Any]]) -> Recording:
    rows = [(line, attempt) for line in lines for attempt in line["attempts"]]
    first = [(a["first_content_s"] or math.inf) - a["send_s"] for _, a in rows]
    whole = [a["end_s"] - a["send_s"] for _, a in rows]
    # An error is no answer, and says nothing of how long one would have taken beyond its own age.
    answered = [a["first_content_s"] is not None and a["outcome"] == "ok" for _, a in rows]
    batches = {key: number for number, key in enumerate(dict.fromkeys((r["trial"], r["batch"]) for r, _ in rows))}
    groups = {
        "batch": np.array([batches[r["trial"], r["batch"]] for r, _ in rows]),
        # A retry is there because the attempt before it came to nothing, so it is no further draw of its request.
        "request": np.array([r["request"] if a["attempt"] == 1 else -1 for r, a in rows]),
        "retry": np.array([int(a["attempt"] > 1) for _, a in rows]),
        "minute": np.array([1_000_000 * r["trial"] + int(a["send_s"] // 60) for r, a in rows]),
    }
    found = _recording(source, np.array(first), np.array(whole), np.array(answered), groups)
    # Of an attempt without content both are infinite or unknown, and so is the difference.
    rests = np.where(np.isfinite(found.times), np.array(whole) - np.where(answered, first, 0.0), np.nan)
    return replace(found, rests=rests)


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
