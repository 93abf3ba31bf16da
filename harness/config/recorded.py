"""Profiles made of recorded times: one's own production log, or a run folder of this harness."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from harness.config.errors import did_you_mean, validation_error
from harness.errors import UserError

#: Times beyond so many are thinned out to so many quantiles.
MOST_TIMES = 1000

#: Outcomes of attempts in a run folder whose connection or answer broke; they say when, in `duration_s`.
_BROKEN = ("connection_error", "stream_error", "truncated")


@dataclass(frozen=True, config=ConfigDict(extra="forbid", defer_build=True))
class Recording:
    """A file of recorded attempts and the `column` with the seconds to their first content.

    A CSV has a header and a row per attempt; an empty time is an attempt that was never answered. A column `status`
    holds HTTP statuses, where there are any, and `duration_s` the seconds to the end of the answer. Of a run folder,
    the attempts of one `cell` are taken, or all.
    """

    file: Annotated[str, Field(min_length=1)] | None = None
    column: Annotated[str, Field(min_length=1)] = "ttft_s"
    cell: str | None = None


def expanded(profile: Any, name: str = "recorded") -> Any:
    """The fields of a profile with its `recording`, if it has one, turned into times and faults. Raises UserError."""
    if not isinstance(profile, Mapping) or "recording" not in profile:
        return profile
    fields = {key: value for key, value in profile.items() if key != "recording"}
    try:
        recording = TypeAdapter(Recording).validate_python(profile["recording"])
    except ValidationError as error:
        raise validation_error(error, "profile.recording", Recording) from None
    if recording.file is None:
        raise UserError(
            f"profile={name} needs profile.recording.file=PATH: a CSV with a column of seconds, or a run folder"
        )
    return fields | _replayed(recording, Path(recording.file))


def _replayed(recording: Recording, path: Path) -> dict[str, Any]:
    """Headers, end and faults as recorded."""
    import pandas as pd

    table = _table(recording, path)
    times = numbers_in(table, recording.column, path)
    status = numbers_in(table, "status", path) if "status" in table else pd.Series(index=table.index, dtype=float)
    whole = (
        numbers_in(table, "duration_s", path) if "duration_s" in table else pd.Series(index=table.index, dtype=float)
    )
    failed = status >= 400
    broken = table["outcome"].isin(_BROKEN) if "outcome" in table else pd.Series(False, index=table.index)
    answered = times.notna() & ~failed & ~broken
    if not answered.any():
        raise UserError(f"{path}: no attempt in it was answered, so there are no times to replay")
    found: dict[str, Any] = {"headers": _empirical(times[answered]), "faults": []}
    rest = (whole - times)[answered].dropna()
    if len(rest):
        found["end"] = _empirical(rest.clip(lower=0.0))
    # An error has no first content: it came when its attempt ended.
    ended = times.where(times.notna(), whole).fillna(0.0)

    def fault(met: Any, **settings: Any) -> None:
        if met.any():
            found["faults"].append({"probability": float(met.sum()) / len(table), **settings})

    for code in sorted({int(value) for value in status[failed]}):
        met = status == code
        fault(met, kind="status_error", status=code, after=_empirical(ended[met]))
    broken &= ~failed
    fault(broken, kind="drop_before_headers", how="fin", after=_empirical(ended[broken]))
    fault(times.isna() & ~failed & ~broken, kind="hang_before_headers")
    return found


def numbers_in(table: Any, column: str, path: Path) -> Any:
    """A column of numbers, with NaN where it says nothing. Raises UserError for anything else in it."""
    import pandas as pd

    found = pd.to_numeric(table[column], errors="coerce")
    unreadable = table[column].notna() & found.isna()
    if unreadable.any():
        row = int(unreadable.to_numpy().argmax())
        what = "an HTTP status" if column == "status" else "a number of seconds"
        raise UserError(f"{path}, row {row + 1}: '{table[column].iloc[row]}' in column '{column}' is not {what}")
    if (found < 0).any():
        raise UserError(f"{path}: column '{column}' holds negative times")
    return found


def _table(recording: Recording, path: Path) -> Any:
    import pandas as pd

    if not path.exists():
        raise UserError(f"profile.recording.file: there is no {path}")
    if path.is_dir():
        attempts = path / "attempts.parquet"
        if not attempts.is_file():
            raise UserError(f"{path} is no run folder: it has no attempts.parquet")
        table = pd.read_parquet(attempts)
        if recording.cell is not None:
            cells = sorted(table["cell"].unique())
            if recording.cell not in cells:
                raise UserError(f"{path} has no cell '{recording.cell}'{did_you_mean(recording.cell, cells)}")
            table = table[table["cell"] == recording.cell]
        table = table.assign(duration_s=table["end_s"] - table["send_s"])
        # What the client cut off was not answered while it waited, which is all that is known of it.
        table.loc[table["outcome"].isin(["timeout", "cancelled"]), ["ttft_s", "status"]] = None
    else:
        try:
            with warnings.catch_warnings():
                # A comma at the end of each row is one column too many, and nothing else.
                warnings.simplefilter("ignore", pd.errors.ParserWarning)
                table = pd.read_csv(path, index_col=False)
        except (OSError, ValueError) as error:
            raise UserError(f"cannot read {path} as CSV: {str(error).splitlines()[0]}") from None
    if recording.column not in table:
        known = [str(column) for column in table.columns]
        raise UserError(
            f"{path} has no column '{recording.column}'{did_you_mean(recording.column, known)} "
            "(profile.recording.column=NAME)"
        )
    return table


def _empirical(times: Any) -> dict[str, Any]:
    """The distribution of these times: all of them, or evenly spaced order statistics of very many."""
    ordered = sorted(float(time) for time in times)
    if len(ordered) > MOST_TIMES:
        last = len(ordered) - 1
        ordered = [ordered[round(number * last / (MOST_TIMES - 1))] for number in range(MOST_TIMES)]
    return {"kind": "empirical", "times": ordered}
