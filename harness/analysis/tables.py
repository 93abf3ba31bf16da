"""The records as two Arrow tables, a row per request and a row per attempt: what Parquet holds and all else is from."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

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
    "lag_s",
    "take",
)
_ATTEMPT = (
    "attempt", "kind", "outcome", "error", "request_id", "status", "bytes", "send_s", "end_s", "headers_s",
    "first_content_s", "last_content_s",
)  # fmt: skip
#: Records of before these fields were added lack them.
_ATTEMPT_LATER = ("tokens", "false_restart", "wasted_tokens", "connected_s", "written_s", "admitted_s", "first_byte_s")
_ATTEMPTS = (*_KEYS, *_ATTEMPT, "ttft_s", "ttft_wire_s", *_ATTEMPT_LATER)

#: Columns of whole numbers; those that end in _s are seconds, `_BOOLEANS` true or false, the others text.
_INTEGERS = frozenset(
    {"trial", "seed", "batch", "request", "tokens", "attempts", "retries", "hedges", "winner", "attempt", "status",
     "bytes", "wasted_tokens", "take"}
)  # fmt: skip
_BOOLEANS = frozenset({"false_restart"})

#: There are millions of rows, and this is the quickest way to pick fields.
_keys, _request_fields, _attempt_fields = itemgetter(*_KEYS), itemgetter(*_REQUEST), itemgetter(*_ATTEMPT)

#: Records that are held at once; also the length of a row group.
_CHUNK = 20_000

#: What a Parquet file says of itself: where its records ended.
_PLACE = b"harness.records"

#: Names of columns of requests and of attempts; None: all of them.
Columns = tuple[Sequence[str] | None, Sequence[str] | None]
Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Tables:
    """Some `requests` in the order recorded, and their `attempts`, those of each request together and in that order."""

    requests: pa.Table
    attempts: pa.Table

    def __len__(self) -> int:
        return int(self.requests.num_rows)


@contextmanager
def load(
    folder: RunFolder, progress: Progress = nobody, *, columns: Columns = (None, None)
) -> Iterator[Iterator[Tables]]:
    """The tables of a run, some requests at a time: from Parquet where that holds every record, else from the records.

    `columns` names those that are wanted of requests and of attempts, None being all. `progress` hears how much of the
    records has been read.
    """
    if are_whole(folder):
        yield _paired(*_paths(folder), columns)
        return
    with read(folder.path, folder.lines(progress)) as paths:
        yield _paired(*paths, columns)


def are_whole(folder: RunFolder) -> bool:
    """Whether the Parquet tables are complete, have today's columns, and are of all the records there are.

    They say themselves how far the records went: times of files are no help where somebody sets the clock.
    """
    written = dict(zip(_paths(folder), (_REQUESTS, _ATTEMPTS), strict=True))
    place = folder.parts.place
    return all(path.is_file() and _held(path) == (columns, place) for path, columns in written.items())


def _held(path: Path) -> tuple[tuple[str, ...], str]:
    """The columns of a Parquet file, and how far its records went; none of one that lacks its end, which says so."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        schema = parquet.read_schema(path)
    except pa.ArrowInvalid:
        return (), ""
    return tuple(schema.names), (schema.metadata or {}).get(_PLACE, b"").decode()


def write(folder: RunFolder, progress: Progress = nobody) -> None:
    """Write requests.parquet and attempts.parquet; `progress` hears how much of the records has been read."""
    with read(folder.path, folder.lines(progress), place=folder.parts.place) as partial:
        for path, whole in zip(partial, _paths(folder), strict=True):
            path.replace(whole)


def _paths(folder: RunFolder) -> tuple[Path, Path]:
    return folder.path / "requests.parquet", folder.path / "attempts.parquet"


@contextmanager
def read(where: Path, lines: Iterable[Mapping[str, Any]], *, place: str = "") -> Iterator[tuple[Path, Path]]:
    """Parsed lines of records.jsonl as two Parquet files in a folder `where`, which are gone when the block ends.

    The files say that they hold the records up to `place`. Of two lines for one request the later counts. Few of them
    are held at once, however many there are.
    """
    own = secrets.token_hex(4)
    paths = where / f".requests.{own}.partial", where / f".attempts.{own}.partial"
    kept = where / f".requests.{own}.kept.partial", where / f".attempts.{own}.kept.partial"
    try:
        with (
            _Writer(paths[0], _REQUESTS, place) as requests,
            _Writer(paths[1], _ATTEMPTS, place) as attempts,
        ):
            for line in lines:
                requests.add(_request(line))
                for one in _attempts(line):
                    attempts.add(one)
        replaced = _replaced(paths[0])
        if replaced is not None:
            _without(replaced, paths, kept)
        yield kept if replaced is not None else paths
    finally:
        for path in (*paths, *kept):
            path.unlink(missing_ok=True)


class _Writer:
    """Rows that arrive one by one and leave as row groups of a Parquet file, so that few of them are ever in memory."""

    def __init__(self, path: Path, names: tuple[str, ...], place: str) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        # A column without a single value would otherwise have no type, and another one in the next run.
        self._schema = pa.schema([(name, _type(name, pa)) for name in names], {_PLACE: place})
        self._rows: list[tuple[Any, ...]] = []
        self._file = parquet.ParquetWriter(path, self._schema)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *failure: object) -> None:
        if failure[0] is None:
            self._flush()
        self._file.close()

    def add(self, row: tuple[Any, ...]) -> None:
        self._rows.append(row)
        if len(self._rows) >= _CHUNK:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            columns = zip(*self._rows, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
            self._file.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
            self._rows = []


def _paired(requests: Path, attempts: Path, columns: Columns) -> Iterator[Tables]:
    """Requests with their attempts, which lie in files whose row groups need not match."""
    import pyarrow as pa
    from pyarrow import parquet

    with parquet.ParquetFile(requests) as these, parquet.ParquetFile(attempts) as those:
        waiting = those.iter_batches(_CHUNK, columns=columns[1])
        left: list[pa.RecordBatch] = []
        for batch in these.iter_batches(_CHUNK, columns=columns[0]):
            missing, taken = int(np.sum(batch["attempts"].to_numpy())), []
            while missing > 0:
                following = left.pop() if left else next(waiting)
                taken.append(following.slice(0, missing))
                if following.num_rows > missing:
                    left.append(following.slice(missing))
                missing -= following.num_rows
            schema = None if taken else those.schema_arrow
            yield Tables(pa.Table.from_batches([batch]), pa.Table.from_batches(taken, schema))


def _replaced(requests: Path) -> Rows | None:
    """Rows of requests that a later row replaces, or a later take of their batch; None where there are none."""
    from pyarrow import parquet

    columns = ["cell", "trial", "batch", "request", "take"]
    keys = parquet.read_table(requests, columns=columns, read_dictionary=["cell"])
    if not len(keys):
        return None
    cells = keys["cell"].unify_dictionaries().combine_chunks()
    trial, batch, request, take = (keys[name].to_numpy() for name in columns[1:])
    # One number for each request, since a million rows of three sort in no time and little memory only if they are one.
    trial = cells.indices.to_numpy().astype(np.int64) * (trial.max() + 1) + trial
    key = trial * (request.max() + 1) + request
    _, last = np.unique(key[::-1], return_index=True)
    replaced = np.ones(len(key), bool)
    replaced[len(key) - 1 - last] = False
    if take.any():
        _, inverse = np.unique(trial * (batch.max() + 1) + batch, return_inverse=True)
        latest = np.zeros(inverse.max() + 1, np.int64)
        np.maximum.at(latest, inverse, take)
        replaced |= take < latest[inverse]
    return replaced if replaced.any() else None


def _without(replaced: Rows, paths: tuple[Path, Path], kept: tuple[Path, Path]) -> None:
    """Copy two Parquet files without some requests and their attempts."""
    import pyarrow as pa
    from pyarrow import parquet

    schemas = [parquet.read_schema(path) for path in paths]
    with parquet.ParquetWriter(kept[0], schemas[0]) as requests, parquet.ParquetWriter(kept[1], schemas[1]) as attempts:
        begin = 0
        for some in _paired(*paths, (None, None)):
            stays = ~replaced[begin : begin + len(some)]
            begin += len(some)
            requests.write_table(some.requests.filter(pa.array(stays)))
            attempts.write_table(some.attempts.filter(pa.array(np.repeat(stays, some.requests["attempts"].to_numpy()))))


def _request(line: Mapping[str, Any]) -> tuple[Any, ...]:
    tries, start, end, winner = line["attempts"], line["start_s"], line["end_s"], line.get("winner")
    kinds = [one["kind"] for one in tries]
    # The answer is the winner's, where attempts raced, else the last one's.
    first = tries[(winner or 0) - 1]["first_content_s"] if tries else None
    return (
        *_request_fields(line),
        start,
        end,
        round(end - start, 9),
        None if first is None else round(first - start, 9),
        len(tries),
        kinds.count("retry"),
        kinds.count("hedge"),
        winner,
        line.get("released_s"),
        line.get("lag_s"),
        line.get("take") or 0,
    )


def _attempts(line: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    keys = _keys(line)
    for one in line["attempts"]:
        content, written = one["first_content_s"], one.get("written_s")
        ttft = None if content is None else round(content - one["send_s"], 9)
        on_wire = None if content is None or written is None else round(content - written, 9)
        yield (*keys, *_attempt_fields(one), ttft, on_wire, *map(one.get, _ATTEMPT_LATER))


def _type(column: str, pa: Any) -> Any:
    if column.endswith("_s"):
        return pa.float64()
    if column in _BOOLEANS:
        return pa.bool_()
    return pa.int64() if column in _INTEGERS else pa.string()
