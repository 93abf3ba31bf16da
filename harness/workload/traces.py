"""When requests came elsewhere, and how long their answers were: public traces, and JSON lines of one's own.

Azure's LLM inference traces of 2023 and 2024 (github.com/Azure/AzurePublicDataset, AzureLLMInferenceDataset2023.md) and
BurstGPT (github.com/HPMLL/BurstGPT; Wang et al., arXiv 2401.17644) are CSV files that are told by their headers.
"""

from __future__ import annotations

import csv
import math
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TextIO

from harness.errors import UserError
from harness.workload.lines import lines_in

#: What lies less than this before the end of a duration is not within it: sums of seconds are not exact.
_SLACK_S = 1e-9


@dataclass(frozen=True)
class Trace:
    """`at_s` counts seconds from the first row, in order; `tokens` of each answer, where they are known."""

    at_s: Sequence[float]
    tokens: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.at_s)

    def before(self, seconds: float) -> int:
        """How many rows lie before so many seconds."""
        return bisect_left(self.at_s, seconds - _SLACK_S)


def trace_in(name: str) -> Trace:
    """The trace in a file, read once as long as the file stays as it is. Raises UserError with its line."""
    path = Path(name)
    try:
        found = path.stat()
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror}); workload.arrivals.file is a trace to replay") from None
    return _read(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=8)
def _read(path: Path, changed: int, size: int) -> Trace:  # noqa: ARG001 - a file that has changed is another one
    if path.suffix in {".jsonl", ".ndjson"}:
        lines = lines_in(str(path))
        return Trace(lines.at_s, lines.output_tokens if all(lines.output_tokens) else None)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _of_csv(path, file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read {path} as CSV: {error}") from None


@dataclass(frozen=True)
class _Format:
    """A public trace: the columns that are read, and how its times are turned into seconds."""

    name: str
    at: str
    answer: str
    seconds: Callable[[Iterable[str]], Iterator[float]]

    @property
    def columns(self) -> str:
        return f"{self.at} and {self.answer}"


def _from_numbers(texts: Iterable[str]) -> Iterator[float]:
    first: float | None = None
    for text in texts:
        value = float(text)
        if not math.isfinite(value):
            raise ValueError(text)
        first = value if first is None else first
        yield value - first


def _from_dates(texts: Iterable[str]) -> Iterator[float]:
    first: datetime | None = None
    for text in texts:
        value = datetime.fromisoformat(text.strip())
        first = first or value
        yield (value - first).total_seconds()


#: Azure has tens of nanoseconds, of which microseconds are kept, and since 2024 an offset from UTC.
_FORMATS = (
    _Format("Azure", "TIMESTAMP", "GeneratedTokens", _from_dates),
    _Format("BurstGPT", "Timestamp", "Response tokens", _from_numbers),
)


def _of_csv(path: Path, file: TextIO) -> Trace:
    rows = csv.reader(file)
    header = [name.strip() for name in next(rows, [])]
    known = next((one for one in _FORMATS if {one.at, one.answer} <= {*header}), None)
    if known is None:
        formats = ", or ".join(f"{one.columns} ({one.name})" for one in _FORMATS)
        raise UserError(f"{path} has no header of a trace: its columns must be {formats}; JSON lines end in .jsonl")
    at, answer = header.index(known.at), header.index(known.answer)
    texts: list[str] = [""]
    instants = known.seconds(_each(texts))
    at_s, tokens = array("d"), array("q")
    for row in rows:
        if not row:
            continue
        where = f"{path}, line {rows.line_num}"
        try:
            texts[0] = row[at]
            at_s.append(next(instants))
            tokens.append(_tokens(row[answer]))
        except IndexError:
            raise UserError(f"{where}: {len(row)} columns where the header has {len(header)}") from None
        except (ValueError, TypeError, OverflowError):
            found = f"{known.at} {_shown(row, at)}, {known.answer} {_shown(row, answer)}"
            raise UserError(f"{where}: not a row of {known.name}: {found}") from None
        if len(at_s) > 1 and at_s[-1] < at_s[-2]:
            raise UserError(f"{where}: {known.at} {row[at]} is before that of the row above; sort the file by it")
    if not at_s:
        raise UserError(f"{path} has a header and no rows: there is nothing to replay")
    return Trace(at_s, tokens)


def _each(texts: Sequence[str]) -> Iterator[str]:
    """Whatever stands in the list when it is asked for."""
    while True:
        yield texts[0]


def _tokens(text: str) -> int:
    """Of an answer. A failure has none, and no API can be asked for none: it counts as the shortest answer."""
    value = int(float(text))
    if value < 0:
        raise ValueError(text)
    return max(1, value)


def _shown(row: Sequence[str], place: int) -> str:
    return repr(row[place][:40]) if place < len(row) else "missing"
