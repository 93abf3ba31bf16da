"""When each attempt of a batch began, spoke and ended: what a picture of one batch is drawn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.analysis.tables import are_whole
from harness.storage import TIMELINES, RunFolder

if TYPE_CHECKING:
    import pandas as pd

#: Of batch and attempt, with their types: instants in seconds since the batch was released, and how many requests the
#: batch consists `of`.
_TYPES = {
    "cell": "str", "trial": "int64", "batch": "int64", "request": "int64", "attempt": "int64", "kind": "str",
    "outcome": "str", "won": "bool", "send_s": "float64", "first_content_s": "float64", "last_content_s": "float64",
    "end_s": "float64", "of": "int64",
}  # fmt: skip
COLUMNS = tuple(_TYPES)

#: Requests of one batch beyond which only the slowest are kept, unless it is said otherwise.
MOST_REQUESTS = 1000

Batch = tuple[str, int, int]
_KEYS = ["cell", "trial", "batch"]


def worth_showing(
    batches: pd.DataFrame,
    summary: Mapping[str, Any],
    *,
    trial: int,
    most_attempts: int,
    most_requests: int = MOST_REQUESTS,
) -> list[Batch]:
    """Batches (cell, trial, batch) that a report has room for, the most telling first.

    The reference's slowest batch of `trial`, the same one in every cell, so that they can be compared; then for each
    cell its own slowest batch of `trial`, its slowest of all, the others of `trial`, and those of the trials nearest to
    it. What does not fit into `most_attempts` beside those before it is left out; a batch counts with `most_requests`
    at most.
    """
    import numpy as np

    names = [cell["cell"] for cell in summary["cells"]]
    counts = batches["cell"].value_counts()
    sizes = {
        c["cell"]: c["load"] * min(most_requests, c["requests"] / counts[c["cell"]])
        for c in summary["cells"]
        if c["cell"] in counts.index
    }
    known = batches[batches["cell"].isin(list(sizes))]
    own = known["trial"] == trial
    slowest = known.groupby("cell")["makespan_s"].idxmax()
    slowest_own = known[own].groupby("cell")["makespan_s"].idxmax()
    rank = np.where(own, 3, 3 + (known["trial"] - trial).abs())
    rank[known.index.isin(slowest)] = 2
    rank[known.index.isin(slowest_own)] = 1
    if summary["reference"] in slowest_own.index:
        told = known.loc[slowest_own[summary["reference"]], "batch"]
        rank[own & (known["batch"] == told)] = 0
        rank[known.index == slowest_own[summary["reference"]]] = -1
    ordered = known.assign(rank=rank, place=known["cell"].map(names.index)).sort_values(
        ["rank", "place", "trial", "batch"], kind="stable"
    )
    shown: list[Batch] = []
    room = float(most_attempts)
    for row in ordered[_KEYS].itertuples(index=False, name=None):
        if sizes[row[0]] <= room:
            room -= sizes[row[0]]
            shown.append(row)
        if room < min(sizes.values()):
            break
    return shown


def timelines(folder: RunFolder, wanted: Sequence[Batch], most_requests: int = MOST_REQUESTS) -> pd.DataFrame:
    """The attempts of some batches under COLUMNS, ordered by batch, request and attempt; those published, of results.

    Of a batch with more than `most_requests`, only so many of the slowest.
    """
    import pandas as pd

    if not folder.has_records:
        path = folder.path / TIMELINES
        if not path.is_file():
            return _of_rows([])
        return pd.read_csv(
            path, dtype={"cell": str}, keep_default_na=False, na_values={name: [""] for name in COLUMNS[8:12]}
        )
    found = _of_tables(folder, wanted) if are_whole(folder) else _of_records(folder, wanted)
    return _slowest(found, most_requests).sort_values([*_KEYS, "request", "attempt"], kind="stable", ignore_index=True)


def _of_tables(folder: RunFolder, wanted: Sequence[Batch]) -> pd.DataFrame:
    import pandas as pd
    from pyarrow import dataset

    keys = pd.DataFrame(list(wanted), columns=pd.Index(_KEYS))
    kept = dataset.field("cell").isin(sorted(set(keys["cell"]))) & dataset.field("trial").isin(
        sorted(set(keys["trial"].tolist()))
    )

    def table(name: str, columns: list[str]) -> pd.DataFrame:
        source = dataset.dataset(folder.path / f"{name}.parquet")
        frame: pd.DataFrame = source.to_table(columns=columns, filter=kept).to_pandas()
        return frame.merge(keys, on=_KEYS)

    requests = table("requests", [*_KEYS, "request", "outcome", "winner", "start_s"])
    columns = ["request", "attempt", "kind", "outcome", "send_s", "first_content_s", "last_content_s", "end_s"]
    attempts = table("attempts", [*_KEYS, *columns])
    batches = requests.groupby(_KEYS)["start_s"]
    release = batches.min().rename("release_s").to_frame().assign(of=batches.size()).reset_index()
    last = attempts.groupby([*_KEYS, "request"])["attempt"].max().rename("last").reset_index()
    about = requests.rename(columns={"outcome": "ended"}).merge(release, on=_KEYS).merge(last, on=[*_KEYS, "request"])
    merged = attempts.merge(about, on=[*_KEYS, "request"])
    answering = merged["winner"].fillna(merged["last"])
    merged["won"] = (merged["ended"] == "ok") & (merged["attempt"] == answering)
    for name in ("send_s", "first_content_s", "last_content_s", "end_s"):
        merged[name] = (merged[name] - merged["release_s"]).round(6)
    return merged[list(COLUMNS)]


def _of_records(folder: RunFolder, wanted: Sequence[Batch]) -> pd.DataFrame:

    chosen = set(wanted)
    lines: dict[tuple[str, int, int], dict[str, Any]] = {}
    for line in folder.lines():
        if (line["cell"], line["trial"], line["batch"]) in chosen:
            lines[line["cell"], line["trial"], line["request"]] = line
    starts: dict[Batch, list[float]] = {}
    for line in lines.values():
        starts.setdefault((line["cell"], line["trial"], line["batch"]), []).append(line["start_s"])
    return _of_rows([row for line in lines.values() for row in _rows(line, starts)])


def _of_rows(rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=pd.Index(COLUMNS)).astype(_TYPES)


def _rows(line: Mapping[str, Any], starts: Mapping[Batch, Sequence[float]]) -> Iterator[tuple[Any, ...]]:
    batch = line["cell"], line["trial"], line["batch"]
    release = min(starts[batch])
    answering = line.get("winner") or len(line["attempts"])
    for one in line["attempts"]:
        instants = (one["send_s"], one["first_content_s"], one["last_content_s"], one["end_s"])
        yield (
            *batch,
            line["request"],
            one["attempt"],
            one["kind"],
            one["outcome"],
            line["outcome"] == "ok" and one["attempt"] == answering,
            *(None if instant is None else round(instant - release, 6) for instant in instants),
            len(starts[batch]),
        )


def _slowest(found: pd.DataFrame, most: int) -> pd.DataFrame:
    """Of each batch, the requests that took longest."""
    requests = found.groupby([*_KEYS, "request"])
    took = requests["end_s"].max() - requests["send_s"].min()
    place = took.groupby(_KEYS).rank(method="first", ascending=False)
    kept = place[place <= most].index
    if len(kept) == len(took):
        return found
    return found[found.set_index([*_KEYS, "request"]).index.isin(kept)]
