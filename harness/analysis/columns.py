"""Records as columns: a million requests fit into memory as arrays, not as objects."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.records import ABANDONED

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NAN = float("nan")

_INTS = ("trial", "seed", "batch", "request", "tokens")
_COUNTS = ("attempts", "retries", "hedges", "abandoned", "judged", "false_restarts", "wasted_tokens")
#: Columns of whole numbers in the tables; those that end in _s are seconds, `BOOLEANS` true or false, the others text.
INTEGERS = frozenset({*_INTS, "attempts", "retries", "hedges", "winner", "attempt", "status", "bytes", "wasted_tokens"})
BOOLEANS = frozenset({"false_restart"})
_ATTEMPT_FLOATS = ("send_s", "end_s", "headers_s", "first_content_s", "last_content_s")
_ATTEMPT_LATER = ("tokens", "false_restart", "wasted_tokens")
_ATTEMPT_TEXTS = ("kind", "outcome", "error", "request_id")


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


def read(lines: Iterator[Mapping[str, Any]]) -> Columns:
    """Columns from parsed lines of records.jsonl; of two lines for one request the later counts."""
    cells: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    ints: dict[str, array[int]] = {name: array("q") for name in ("cell", "outcome", *_INTS, *_COUNTS)}
    floats: dict[str, array[float]] = {name: array("d") for name in ("start_s", "end_s", "ttft_s", "wasted_s")}
    for line in lines:
        ints["cell"].append(cells.setdefault(line["cell"], len(cells)))
        ints["outcome"].append(outcomes.setdefault(line["outcome"], len(outcomes)))
        for name in _INTS:
            ints[name].append(line[name])
        unused = _unused(line)
        lost = [one for one in unused if one["outcome"] in ABANDONED]
        judged = [one for one in lost if one.get("false_restart") is not None]
        counts = (
            len(line["attempts"]),
            _of_kind(line, "retry"),
            _of_kind(line, "hedge"),
            len(lost),
            len(judged),
            sum(one["false_restart"] for one in judged),
            sum(one["wasted_tokens"] for one in judged),
        )
        for name, count in zip(_COUNTS, counts, strict=True):
            ints[name].append(count)
        floats["wasted_s"].append(math.fsum(one["end_s"] - one["send_s"] for one in unused))
        floats["start_s"].append(line["start_s"])
        floats["end_s"].append(line["end_s"])
        first = _first_content_s(line)
        floats["ttft_s"].append(NAN if first is None else first - line["start_s"])
    arrays: dict[str, Any] = {name: np.array(values, dtype=np.int64) for name, values in ints.items()}
    arrays |= {name: np.array(values, dtype=np.float64) for name, values in floats.items()}
    columns = Columns(list(cells), list(outcomes), **arrays)
    return columns.where(_latest(columns))


def _latest(columns: Columns) -> Ints:
    """Rows that no later row of the same request replaces, in order."""
    keys = np.stack([columns.cell, columns.trial, columns.request])
    _, last = np.unique(keys[:, ::-1], axis=1, return_index=True)
    return np.sort(len(columns) - 1 - last)


def tables(lines: Callable[[], Iterator[Mapping[str, Any]]]) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """The columns of requests.parquet and attempts.parquet; later records of a request replace earlier ones.

    `lines` is called twice, so that a large run is never held as objects: first to see which record of a request is the
    last, then to take it.
    """
    last = {_key(line): number for number, line in enumerate(lines())}
    plain = ("experiment", "cell", "trial", "seed", "batch", "request", "outcome", "error", "finish_reason", "tokens")
    requests: dict[str, list[Any]] = {
        name: []
        for name in (*plain, "start_s", "end_s", "latency_s", "ttft_s", "attempts", "retries", "hedges", "winner")
    }
    keys = ("experiment", "cell", "trial", "batch", "request")
    attempts: dict[str, list[Any]] = {
        name: []
        for name in (*keys, "attempt", *_ATTEMPT_TEXTS, "status", "bytes", *_ATTEMPT_FLOATS, "ttft_s", *_ATTEMPT_LATER)
    }
    for number, line in enumerate(lines()):
        if last[_key(line)] != number:
            continue
        for name in (*plain, "start_s", "end_s"):
            requests[name].append(line[name])
        tries = line["attempts"]
        first = _first_content_s(line)
        requests["latency_s"].append(round(line["end_s"] - line["start_s"], 9))
        requests["ttft_s"].append(None if first is None else round(first - line["start_s"], 9))
        requests["attempts"].append(len(tries))
        requests["retries"].append(_of_kind(line, "retry"))
        requests["hedges"].append(_of_kind(line, "hedge"))
        requests["winner"].append(line.get("winner"))
        for one in tries:
            for name in keys:
                attempts[name].append(line[name])
            for name in ("attempt", *_ATTEMPT_TEXTS, "status", "bytes", *_ATTEMPT_FLOATS):
                attempts[name].append(one[name])
            for name in _ATTEMPT_LATER:
                # Records of before these fields were added lack them.
                attempts[name].append(one.get(name))
            content = one["first_content_s"]
            attempts["ttft_s"].append(None if content is None else round(content - one["send_s"], 9))
    return requests, attempts


def _first_content_s(line: Mapping[str, Any]) -> float | None:
    """When the answer's first content came: the winner's, where attempts raced, else the last one's."""
    tries = line["attempts"]
    first: float | None = tries[(line.get("winner") or 0) - 1]["first_content_s"] if tries else None
    return first


def _unused(line: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The attempts that did not bring the answer: all but the winner, or the last one, of a success."""
    tries = line["attempts"]
    used = ((line.get("winner") or 0) - 1) % len(tries) if tries and line["outcome"] == "ok" else None
    return [one for number, one in enumerate(tries) if number != used]


def _of_kind(line: Mapping[str, Any], kind: str) -> int:
    return sum(one["kind"] == kind for one in line["attempts"])


def _key(line: Mapping[str, Any]) -> tuple[str, int, int]:
    return line["cell"], line["trial"], line["request"]
