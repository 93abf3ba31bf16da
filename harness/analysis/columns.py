"""Requests as arrays: a million of them fit into memory, and are counted at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness.analysis.tables import Tables
from harness.records import ABANDONED

if TYPE_CHECKING:
    import pyarrow as pa

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_AS_THEY_ARE = ("trial", "seed", "batch", "request", "tokens", "retries", "hedges")


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
        return Columns(
            self.cells, self.outcomes, *(getattr(self, name)[rows] for name in list(Columns.__dataclass_fields__)[2:])
        )


def columns_of(tables: Tables) -> Columns:
    """The columns of the tables of a run."""
    requests, attempts = tables.requests, tables.attempts
    cells, cell = _coded(requests["cell"])
    outcomes, outcome = _coded(requests["outcome"])
    count, start_s = _ints(requests["attempts"]), _floats(requests["start_s"])
    owner = np.repeat(np.arange(len(tables)), count)
    answering, tried = _answering(requests, count), count > 0
    ok = outcome == outcomes.index("ok") if "ok" in outcomes else np.zeros(len(tables), bool)
    unused = np.ones(len(owner), bool)
    unused[answering[ok & tried]] = False
    kinds, kind = _coded(attempts["outcome"])
    lost = unused & np.isin(kind, [i for i, name in enumerate(kinds) if name in ABANDONED])
    false = attempts["false_restart"].combine_chunks()
    judged = lost & false.is_valid().to_numpy(zero_copy_only=False)

    def per_request(weights: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.bincount(owner, weights=weights, minlength=len(tables))

    def counted(weights: npt.NDArray[Any]) -> Ints:
        return per_request(weights).astype(np.int64)

    ttft_s = np.full(len(tables), np.nan)
    ttft_s[tried] = _floats(attempts["first_content_s"])[answering[tried]] - start_s[tried]
    return Columns(
        cells,
        outcomes,
        cell=cell,
        outcome=outcome,
        **{name: _ints(requests[name]) for name in _AS_THEY_ARE},
        attempts=count,
        abandoned=counted(lost),
        judged=counted(judged),
        false_restarts=counted(judged & false.fill_null(False).to_numpy(zero_copy_only=False)),
        wasted_tokens=counted(judged * _ints(attempts["wasted_tokens"].fill_null(0))),
        start_s=start_s,
        end_s=_floats(requests["end_s"]),
        ttft_s=ttft_s,
        wasted_s=per_request(unused * (_floats(attempts["end_s"]) - _floats(attempts["send_s"]))),
    )


def _answering(requests: pa.Table, count: Ints) -> Ints:
    """Rows of the attempts that brought the answers, or would have: the winner of a race, else the last one."""
    winner = _ints(requests["winner"].fill_null(0))
    return np.cumsum(count) - count + np.where(winner > 0, winner, count) - 1


def _coded(texts: pa.ChunkedArray) -> tuple[list[str], Ints]:
    """What texts there are, in the order in which they first occur, and which of them each is."""
    found = texts.combine_chunks().dictionary_encode()
    return found.dictionary.to_pylist(), found.indices.to_numpy().astype(np.int64)


def _ints(column: pa.ChunkedArray) -> Ints:
    return np.asarray(column.to_numpy(), dtype=np.int64)


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.to_numpy(), dtype=np.float64)
