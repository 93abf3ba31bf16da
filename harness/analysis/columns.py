"""Requests as arrays: a million of them fit into memory, and are counted at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness.analysis.tables import Tables
from harness.records import ABANDONED

if TYPE_CHECKING:
    import pyarrow as pa

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]
_AS_THEY_ARE = ("trial", "batch", "request", "retries", "hedges")
#: What is read of the tables: of requests, and of their attempts.
OF_REQUESTS = (
    *_AS_THEY_ARE,
    "cell",
    "outcome",
    "seed",
    "tokens",
    "attempts",
    "winner",
    "start_s",
    "end_s",
    "released_s",
)
OF_ATTEMPTS = ("outcome", "false_restart", "wasted_tokens", "first_content_s", "send_s", "end_s")


@dataclass(frozen=True)
class Columns:
    """One entry per request, in the order recorded, without those that a later record replaced.

    `cell` and `outcome` index into `cells` and `outcomes`. Times in seconds; no content is a TTFT of NaN. Of the
    attempts that the client `abandoned`, so many are `judged`: it is known whether they were given up falsely and how
    many tokens they wasted. `wasted_s` is the time of all attempts whose answer was not used.
    """

    cells: list[str]
    outcomes: list[str]
    cell: Ints
    outcome: Ints
    trial: Ints
    seed: Ints
    batch: Ints
    request: Ints
    tokens: Ints
    attempts: Ints
    retries: Ints
    hedges: Ints
    abandoned: Ints
    judged: Ints
    false_restarts: Ints
    wasted_tokens: Ints
    start_s: Floats
    released_s: Floats
    end_s: Floats
    ttft_s: Floats
    wasted_s: Floats

    def __len__(self) -> int:
        return len(self.cell)

    @property
    def ok(self) -> npt.NDArray[np.bool_]:
        """Which requests got a whole answer."""
        good = self.outcomes.index("ok") if "ok" in self.outcomes else -1
        found: npt.NDArray[np.bool_] = self.outcome == good
        return found

    @property
    def latency_s(self) -> Floats:
        """Seconds from the caller's wish to the end."""
        return self.end_s - self.start_s

    def where(self, rows: npt.NDArray[Any]) -> Columns:
        """Some of the requests."""
        if rows.all():
            return self
        return Columns(self.cells, self.outcomes, *(getattr(self, name)[rows] for name in _ARRAYS))

    @classmethod
    def joined(cls, cells: list[str], outcomes: list[str], parts: list[Columns]) -> Columns:
        """Parts one after the other, which are used up so that all is never in memory twice."""
        arrays = {name: [getattr(part, name) for part in parts] for name in _ARRAYS}
        parts.clear()
        return cls(cells, outcomes, *(np.concatenate(arrays.pop(name) or [np.empty(0, np.int32)]) for name in _ARRAYS))


#: Fields with an entry for each request.
_ARRAYS = tuple(field.name for field in fields(Columns) if field.name not in {"cells", "outcomes"})


def columns_of(chunks: Iterable[Tables]) -> Columns:
    """The columns of the tables of a run."""
    found = Collected()
    for chunk in chunks:
        found.add(chunk)
    return found.columns()


class Collected:
    """Columns of tables that arrive some requests at a time."""

    def __init__(self) -> None:
        self.cells = Names()
        self._outcomes = Names()
        self._parts: list[Columns] = []

    def add(self, tables: Tables) -> None:
        """Take in the next requests."""
        self._parts.append(_part(tables, self.cells, self._outcomes))

    def columns(self) -> Columns:
        """All of them; nothing can be added any more."""
        return Columns.joined(list(self.cells), list(self._outcomes), self._parts)


class Names(dict[str, int]):
    """Numbers for texts, in the order in which they first occur."""

    def coded(self, texts: pa.ChunkedArray) -> npt.NDArray[np.int32]:
        """Which of the texts each one is."""
        found = texts.combine_chunks().dictionary_encode()
        known = np.array([self.setdefault(text, len(self)) for text in found.dictionary.to_pylist()], np.int32)
        return known[found.indices.to_numpy()] if len(known) else np.empty(0, np.int32)


def _part(tables: Tables, cells: Names, outcomes: Names) -> Columns:
    requests, attempts = tables.requests, tables.attempts
    cell, outcome = cells.coded(requests["cell"]), outcomes.coded(requests["outcome"])
    count, start_s = _ints(requests["attempts"]), _floats(requests["start_s"])
    owner = np.repeat(np.arange(len(tables)), count)
    answering, tried = _answering(requests, count), count > 0
    unused = np.ones(len(owner), bool)
    unused[answering[(outcome == outcomes.get("ok", -1)) & tried]] = False
    kinds = Names()
    kind = kinds.coded(attempts["outcome"])
    lost = unused & np.isin(kind, [number for name, number in kinds.items() if name in ABANDONED])
    false = attempts["false_restart"].combine_chunks()
    judged = lost & false.is_valid().to_numpy(zero_copy_only=False)

    def per_request(weights: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.bincount(owner, weights=weights, minlength=len(tables))

    def counted(weights: npt.NDArray[Any]) -> Ints:
        return per_request(weights).astype(np.int32)

    ttft_s = np.full(len(tables), np.nan)
    ttft_s[tried] = _floats(attempts["first_content_s"])[answering[tried]] - start_s[tried]
    return Columns(
        [],
        [],
        cell=cell,
        outcome=outcome.astype(np.int8),
        **{name: _ints(requests[name]) for name in _AS_THEY_ARE},
        seed=_ints(requests["seed"], np.int64),
        tokens=_ints(requests["tokens"], np.int64),
        attempts=count,
        abandoned=counted(lost),
        judged=counted(judged),
        false_restarts=counted(judged & false.fill_null(False).to_numpy(zero_copy_only=False)),
        wasted_tokens=counted(judged * _ints(attempts["wasted_tokens"].fill_null(0))),
        start_s=start_s,
        released_s=_released(requests, start_s),
        end_s=_floats(requests["end_s"]),
        ttft_s=ttft_s,
        wasted_s=per_request(unused * (_floats(attempts["end_s"]) - _floats(attempts["send_s"]))),
    )


def _released(requests: pa.Table, start_s: Floats) -> Floats:
    """When each request was really begun; most at their start."""
    told = _floats(requests["released_s"])
    return np.where(np.isnan(told), start_s, told)


def _answering(requests: pa.Table, count: Ints) -> Ints:
    """Rows of the attempts that brought the answers, or would have: the winner of a race, else the last one."""
    winner = _ints(requests["winner"].fill_null(0))
    return np.asarray(np.cumsum(count) - count + np.where(winner > 0, winner, count) - 1)


def _ints(column: pa.ChunkedArray, kind: type[np.integer[Any]] = np.int32) -> Ints:
    return np.asarray(column.to_numpy(), dtype=kind)


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.to_numpy(), dtype=np.float64)
