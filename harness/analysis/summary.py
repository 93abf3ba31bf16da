"""summary.json: per cell the totals, batches, quantiles, failures, load, goodput and speedup."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.analysis import statistics, tables
from harness.analysis.bounds import bounds_beside
from harness.analysis.columns import OF_ATTEMPTS, OF_REQUESTS, Collected, Columns, Floats, Ints
from harness.analysis.effects import add_effects, short_answers
from harness.analysis.in_flight import of_window
from harness.analysis.judged import OPEN
from harness.analysis.profiles import profiles_of
from harness.analysis.silent import answered_none, commonest, errors_of
from harness.analysis.speedups import add_speedups
from harness.analysis.warnings import warnings
from harness.analysis.wire import OF_ATTEMPTS as OF_ATTEMPTS_ON_THE_WIRE
from harness.analysis.wire import OF_REQUESTS as OF_REQUESTS_ON_THE_WIRE
from harness.analysis.wire import Wire
from harness.errors import UserError
from harness.profiles import Profile
from harness.progress import Progress, nobody
from harness.progress import part as part_of
from harness.records import SCHEMA_VERSION
from harness.storage import BATCHES, QUANTILES, RunFolder

#: Probabilities of quantiles.csv: denser towards the tail, which is what this is all about.
PROBABILITIES = (
    *(i / 50 for i in range(45)),
    *(0.9 + i / 500 for i in range(45)),
    *(0.99 + i / 5_000 for i in range(45)),
    *(0.999 + i / 50_000 for i in range(50)),
    1.0,
)

_SPREAD = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "max": 1.0}

Makespans = dict[tuple[int, int], tuple[float, int]]


def finish(folder: RunFolder, progress: Progress = nobody) -> dict[str, Any]:
    """Write everything that follows from the records: summary, batches, quantiles and the two Parquet tables.

    `progress` hears how much of it is done.
    """
    tables.write(folder, part_of(progress, 0.0, 0.8))
    return summarise(folder, progress=part_of(progress, 0.8, 1.0))


def summarise(folder: RunFolder, *, bounds: bool = True, progress: Progress = nobody) -> dict[str, Any]:
    """The summary of a run folder, written beside batches.csv and quantiles.csv; equal records give equal bytes.

    `bounds` can take seconds for each profile; without them cells have none. `progress` hears how much is done.
    Raises UserError when the folder holds no finished request.
    """
    columns, on_wire = _collected(folder, part_of(progress, 0.0, 0.8))
    progress = part_of(progress, 0.8, 1.0)
    if not len(columns):
        raise UserError(f"{folder.path} holds no finished request yet; continue the run with resume=true")
    manifest = folder.manifest()
    profiles = profiles_of(folder)
    bounds_of = bounds_beside(folder, profiles)
    cells, batch_rows, quantile_rows = [], [], []
    incomplete: dict[str, int] = {}
    held_up: dict[str, float] = {}
    for number, about in enumerate(manifest["cells"]):
        progress(number / len(manifest["cells"]))
        name = about["cell"]
        if name not in columns.cells:
            continue
        part = columns.where(columns.cell == columns.cells.index(name))
        makespans = _makespans(part)
        cell = _cell(about, part, makespans)
        cell["short"] = short_answers(about, part, profiles.get(about["profile"]))
        cell["bounds"] = bounds_of(about) if bounds else None
        if name in on_wire:
            cell["wire"] = on_wire[name]
        # Where requests come of themselves, a slow spell is met by as many as any other.
        if not about.get("arrivals") and (about["target"] != "mock" or _changes(profiles.get(about["profile"]))):
            held_up[name] = _held_up(part.latency_s)
        incomplete[name] = len(np.unique(part.trial)) - cell["trials"]
        cells.append(cell)
        batch_rows += [
            (name, trial, batch, makespan, failed) for (trial, batch), (makespan, failed) in makespans.items()
        ]
        quantile_rows += _quantile_rows(name, part)
    add_speedups(cells, manifest["reference"])
    add_effects(cells)
    silent = {cell["cell"]: commonest(cell) for cell in cells if answered_none(cell)}
    found = warnings(
        cells,
        incomplete,
        server_timing=manifest.get("server_timing"),
        client_timing=manifest.get("client_timing"),
        held_up=held_up,
        precision=manifest.get("precision"),
        replaced=manifest.get("replaced"),
        said=errors_of(folder, silent) if silent else None,
    )
    summary = _about_run(manifest, cells, found)
    folder.write_summary(summary)
    folder.write_text(BATCHES, _csv(("cell", "trial", "batch", "makespan_s", "failed"), batch_rows))
    folder.write_text(QUANTILES, _csv(("cell", "quantity", "probability", "seconds"), quantile_rows))
    return summary


def _collected(folder: RunFolder, progress: Progress) -> tuple[Columns, dict[str, dict[str, Any]]]:
    """What the tables of a run say of its requests, and of the time on the wire by cell."""
    columns, wire = Collected(), Wire()
    wanted = _joined(OF_REQUESTS, OF_REQUESTS_ON_THE_WIRE), _joined(OF_ATTEMPTS, OF_ATTEMPTS_ON_THE_WIRE)
    with tables.load(folder, progress, columns=wanted) as chunks:
        for chunk in chunks:
            columns.add(chunk)
            wire.add(chunk)
    return columns.columns(), wire.found()


def _joined(*names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for some in names for name in some))


def blank(folder: RunFolder) -> dict[str, Any]:
    """The summary of a run of which no request is finished yet; nothing is written."""
    return _about_run(folder.manifest(), [], [])


def _about_run(manifest: Mapping[str, Any], cells: list[dict[str, Any]], found: list[dict[str, str]]) -> dict[str, Any]:
    """A summary: what the manifest says of the run, its cells, and the warnings that were found."""
    keys = ("experiment", "question", "clock", "network", "time_scale", "reference")
    return {"schema": SCHEMA_VERSION, **{key: manifest[key] for key in keys}, "cells": cells, "warnings": found}


def _makespans(part: Columns) -> Makespans:
    """For each (trial, batch): seconds from its release to its last end, and how many of its requests failed."""
    batches = int(part.batch.max()) + 1
    keys, inverse = np.unique(part.trial.astype(np.int64) * batches + part.batch, return_inverse=True)
    start = np.full(len(keys), np.inf)
    end = np.full(len(keys), -np.inf)
    np.minimum.at(start, inverse, part.start_s)
    np.maximum.at(end, inverse, part.end_s)
    failed = np.bincount(inverse, weights=~part.ok, minlength=len(keys))
    return {divmod(key, batches): (_rounded(end[i] - start[i]), int(failed[i])) for i, key in enumerate(keys.tolist())}


def _cell(about: Mapping[str, Any], part: Columns, makespans: Makespans) -> dict[str, Any]:
    sizes = np.bincount(part.trial)
    whole = [int(trial) for trial in np.unique(part.trial) if sizes[trial] == about["requests_per_trial"]]
    totals = [_rounded(math.fsum(m for (t, _), (m, _) in makespans.items() if t == trial)) for trial in whole]
    seeds = [int(part.seed[np.argmax(part.trial == trial)]) for trial in whole]
    failures = {part.outcomes[i]: int(n) for i, n in enumerate(np.bincount(part.outcome)) if n}
    failures.pop("ok", None)
    good = part.ok & (part.latency_s <= about["slo_s"])
    clusters, heard = _clusters(part.trial, part.batch), ~np.isnan(part.ttft_s)
    return {
        "cell": about["cell"],
        "strategy": about["strategy"],
        "workload": about["workload"],
        "batch_size": about["batch_size"],
        "axes": about["axes"],
        "profile": about["profile"],
        "target": about["target"],
        "seeds": seeds,
        "trials": len(whole),
        "requests": len(part),
        "failed": int((~part.ok).sum()),
        "failed_per_trial": [int((~part.ok[part.trial == trial]).sum()) for trial in whole],
        "attempts_per_trial": [int(part.attempts[part.trial == trial].sum()) for trial in whole],
        "failures": dict(sorted(failures.items())),
        "load": _rounded(float(part.attempts.sum()) / len(part)),
        "tokens": int(part.tokens.sum()),
        **_costs(part),
        "slo_s": about["slo_s"],
        "goodput": _rounded(float(good.mean())),
        "total_s": _mean(totals),
        **_of_open_loop(about, part, whole),
        **of_window(about, part, whole),
        "batch_s": _spread(
            np.array([makespan for makespan, _ in makespans.values()]), _clusters(*np.array([*makespans]).T)
        ),
        "latency_s": _spread(part.latency_s, clusters),
        "ttft_s": _spread(part.ttft_s[heard], clusters[heard]),
    }


def _mean(values: list[float]) -> dict[str, Any]:
    return {
        "mean": _rounded(statistics.mean(values)) if values else None,
        "ci95": statistics.pair(statistics.mean_interval(values)),
        "per_trial": values,
    }


def _of_open_loop(about: Mapping[str, Any], part: Columns, whole: list[int]) -> dict[str, Any]:
    """Where requests come of themselves: how, the mean latency of each trial, and how late they were released."""
    if not about.get("arrivals"):
        return {}
    late = np.quantile(part.released_s - part.start_s, [0.5, 0.99, 1.0])
    return {
        "arrivals": about["arrivals"],
        OPEN: _mean([_rounded(float(part.latency_s[part.trial == trial].mean())) for trial in whole]),
        "waited_s": dict(zip(("p50", "p99", "max"), map(_rounded, late), strict=True)),
    }


def _changes(profile: Profile | None) -> bool:
    """Whether a server answers otherwise at other times, because of its load or for a spell."""
    return profile is not None and not (
        profile.load.is_unlimited and all(fault.sticky != "window" for fault in profile.faults)
    )


def _held_up(seconds: Floats) -> float:
    """The share of all time that the slowest hundredth took."""
    slowest = np.sort(seconds)[-max(1, len(seconds) // 100) :]
    return float(slowest.sum() / total) if (total := seconds.sum()) else 0.0


def _costs(part: Columns) -> dict[str, Any]:
    """What the answers took beside time. False restarts and wasted tokens are None where the mock's scripts do not
    tell them of every abandoned attempt.
    """
    retries, hedges = int(part.retries.sum()), int(part.hedges.sum())
    told = int(part.judged.sum()) == int(part.abandoned.sum())
    return {
        "attempts": {"first": int(part.attempts.sum()) - retries - hedges, "retry": retries, "hedge": hedges},
        "abandoned": int(part.abandoned.sum()),
        "false_restarts": int(part.false_restarts.sum()) if told else None,
        "tokens_wasted": int(part.wasted_tokens.sum()) if told else None,
        "wasted_s": _rounded(math.fsum(part.wasted_s)),
    }


def _clusters(trial: Ints, batch: Ints) -> Ints:
    """What belongs together: whole trials, or whole batches where there are few trials."""
    if len(np.unique(trial)) >= statistics.FEWEST_FOR_RATIO:
        return trial
    _, index = np.unique(trial.astype(np.int64) * (int(batch.max()) + 1) + batch, return_inverse=True)
    return np.asarray(index)


def _spread(values: Floats, clusters: Ints) -> dict[str, Any]:
    """Quantiles in seconds, and the intervals of those that have one."""
    if not len(values):
        return dict.fromkeys(_SPREAD)
    intervals = {
        name: statistics.pair(statistics.quantile_interval(values, clusters, share)) for name, share in _SPREAD.items()
    }
    found = {name: _rounded(np.quantile(values, share)) for name, share in _SPREAD.items()}
    return {**found, "ci95": {name: pair for name, pair in intervals.items() if pair is not None}}


def _quantile_rows(name: str, part: Columns) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for quantity, values in (("latency_s", part.latency_s), ("ttft_s", part.ttft_s[~np.isnan(part.ttft_s)])):
        if len(values):
            # What lies beyond the slowest request but one is not known.
            known = [p for p in PROBABILITIES if (1 - p) * len(values) >= 1 or p == 1]
            found = np.quantile(values, known)
            rows += [
                (name, quantity, f"{p:.5f}", round(float(value), 6)) for p, value in zip(known, found, strict=True)
            ]
    return rows


def _csv(header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _rounded(value: float) -> float:
    return round(float(value), 9)
