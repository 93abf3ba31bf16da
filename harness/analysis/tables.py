"""The records as two Arrow tables, a row per request and a row per attempt: what Parquet holds and all else is from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.progress import Progress, nobody
from harness.storage import RunFolder

if TYPE_CHECKING:
    import pyarrow as pa

_KEYS = ("experiment", "cell", "trial", "batch", "request")
_REQUEST = ("experiment", "cell", "trial", "seed", "batch", "request", "outcome", "error", "finish_reason", "tokens")
_REQUESTS = (
    *_REQUEST,
    "start_s",
    "end_s",
    "latency_s",
    "ttft_s",
    "attempts",
    "retries",
    "hedges",
    "winner",
    "released_s",
)
_ATTEMPT = (
    "attempt", "kind", "outcome", "error", "request_id", "status", "bytes", "send_s", "end_s", "headers_s",
    "first_content_s", "last_content_s",
)  # fmt: skip
#: Records of before these fields were added lack them.
_ATTEMPT_LATER = ("tokens", "false_restart", "wasted_tokens", "connected_s", "written_s")
_ATTEMPTS = (*_KEYS, *_ATTEMPT, "ttft_s", "ttft_wire_s", *_ATTEMPT_LATER)

#: Columns of whole numbers; those that end in _s are seconds, `_BOOLEANS` true or false, the others text.
_INTEGERS = frozenset(
    {"trial", "seed", "batch", "request", "tokens", "attempts", "retries", "hedges", "winner", "attempt", "status",
     "bytes", "wasted_tokens"}
)  # fmt: skip
_BOOLEANS = frozenset({"false_restart"})

#: Records that are held as Python objects at once.
_CHUNK = 20_000


@dataclass(frozen=True)
class Tables:
    """`requests` in the order recorded, and `attempts`, those of each request together and in the same order."""

    requests: pa.Table
    attempts: pa.Table

    def __len__(self) -> int:
        return int(self.requests.num_rows)


def load(folder: RunFolder, progress: Progress = nobody) -> Tables:
    """The tables of a run, from Parquet where that holds every record, otherwise from the records."""
    if not are_whole(folder):
        return read(folder.lines(progress))
    from pyarrow import parquet

    return Tables(*(parquet.read_table(folder.path / f"{name}.parquet") for name in ("requests", "attempts")))


def are_whole(folder: RunFolder) -> bool:
    """Whether the Parquet tables are complete, have today's columns, and were written after the last record."""
    written = {folder.path / "requests.parquet": _REQUESTS, folder.path / "attempts.parquet": _ATTEMPTS}
    records = folder.parts.changed_ns
    return all(
        path.is_file() and path.stat().st_mtime_ns >= records and _columns_of(path) == columns
        for path, columns in written.items()
    )


def _columns_of(path: Path) -> tuple[str, ...]:
    """The columns of a Parquet file; none of one that lacks its end, which says what is in it."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return tuple(parquet.read_schema(path).names)
    except pa.ArrowInvalid:
        return ()


def write(tables: Tables, folder: RunFolder) -> None:
    """Write requests.parquet and attempts.parquet."""
    from pyarrow import parquet

    for name, table in (("requests", tables.requests), ("attempts", tables.attempts)):
        partial = folder.path / f".{name}.parquet.partial"
        parquet.write_table(table, partial)
        partial.replace(folder.path / f"{name}.parquet")


def read(lines: Iterable[Mapping[str, Any]]) -> Tables:
    """The tables of parsed lines of records.jsonl; of two lines for one request the later counts."""
    import pyarrow as pa

    requests, attempts = _Columns(_REQUESTS), _Columns(_ATTEMPTS)
    for line in lines:
        requests.add(_request(line))
        for one in _attempts(line):
            attempts.add(one)
    found = Tables(requests.table(), attempts.table())
    last = _last(found.requests)
    if last is None:
        return found
    owners = np.repeat(np.arange(len(found)), found.requests["attempts"].to_numpy())
    kept = np.isin(owners, last)
    return Tables(found.requests.take(pa.array(last)), found.attempts.filter(pa.array(kept)))


class _Columns:
    """Rows that arrive one by one and leave as Arrow columns, so that few of them are ever Python objects."""

    def __init__(self, names: tuple[str, ...]) -> None:
        import pyarrow as pa

        # A column without a single value would otherwise have no type, and another one in the next run.
        self._schema = pa.schema([(name, _type(name, pa)) for name in names])
        self._rows: list[tuple[Any, ...]] = []
        self._batches: list[pa.RecordBatch] = []

    def add(self, row: tuple[Any, ...]) -> None:
        self._rows.append(row)
        if len(self._rows) >= _CHUNK:
            self._flush()

    def table(self) -> pa.Table:
        import pyarrow as pa

        self._flush()
        return pa.Table.from_batches(self._batches, self._schema).combine_chunks()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            columns = zip(*self._rows, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
            self._batches.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
            self._rows = []


def _request(line: Mapping[str, Any]) -> tuple[Any, ...]:
    tries, start, end, winner = line["attempts"], line["start_s"], line["end_s"], line.get("winner")
    kinds = [one["kind"] for one in tries]
    # The answer is the winner's, where attempts raced, else the last one's.
    first = tries[(winner or 0) - 1]["first_content_s"] if tries else None
    return (
        *(line[name] for name in _REQUEST),
        start,
        end,
        round(end - start, 9),
        None if first is None else round(first - start, 9),
        len(tries),
        kinds.count("retry"),
        kinds.count("hedge"),
        winner,
        line.get("released_s"),
    )


def _attempts(line: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    keys = tuple(line[name] for name in _KEYS)
    for one in line["attempts"]:
        content, written = one["first_content_s"], one.get("written_s")
        ttft = None if content is None else round(content - one["send_s"], 9)
        on_wire = None if content is None or written is None else round(content - written, 9)
        yield (*keys, *(one[name] for name in _ATTEMPT), ttft, on_wire, *(one.get(name) for name in _ATTEMPT_LATER))


def _last(requests: pa.Table) -> np.ndarray[Any, Any] | None:
    """Rows that no later row of the same request replaces, in order; None where that is every row."""
    cells = requests["cell"].combine_chunks().dictionary_encode().indices.to_numpy()
    keys = np.stack([cells, requests["trial"].to_numpy(), requests["request"].to_numpy()])
    _, places = np.unique(keys[:, ::-1], axis=1, return_index=True)
    if len(places) == requests.num_rows:
        return None
    return np.sort(requests.num_rows - 1 - places)


def _type(column: str, pa: Any) -> Any:
    if column.endswith("_s"):
        return pa.float64()
    if column in _BOOLEANS:
        return pa.bool_()
    return pa.int64() if column in _INTEGERS else pa.string()
