"""What the templates show: the tables, the sentences around them, and where the run came from."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from harness.analysis.judged import is_open, quantity
from harness.analysis.speedups import SERVER_AXES
from harness.report.tables import (
    BOUNDS,
    COSTS,
    WIRE,
    bound_rows,
    cost_rows,
    doubts,
    fault_rows,
    headline,
    tails,
    why_no_bounds,
    wire_rows,
)
from harness.report.verdict import published_rows, spread_of_one_run, verdict

#: Longer tables are files beside the pages; in Markdown, where nothing can be filtered, sooner.
MOST_ROWS, MOST_ROWS_OF_MARKDOWN = 1_000, 60

Tables = dict[str, Sequence[Sequence[Any]]]


def tables_of(summary: Mapping[str, Any], batches: pd.DataFrame) -> Tables:
    """Every table with a row, header first, in the order of the files."""
    named: Tables = {
        "faults": fault_rows(summary),
        "cells": headline(summary),
        "tails": tails(summary),
        "wire": _headed(WIRE, wire_rows(summary)),
        "costs": _headed(COSTS, cost_rows(summary)),
        "bounds": _headed(BOUNDS, bound_rows(summary)),
        "published": published_rows(summary),
        "batches": [tuple(batches.columns), *batches.itertuples(index=False, name=None)],
    }
    return {name: rows for name, rows in named.items() if rows}


def context_of(
    manifest: Mapping[str, Any], summary: Mapping[str, Any], batches: pd.DataFrame, tables: Tables
) -> dict[str, Any]:
    """Everything that both pages say beside the figures."""
    notes = [f"{note['message']}. {note['advice'][0].upper()}{note['advice'][1:]}." for note in summary["warnings"]]
    given_up = manifest.get("failed_cells", {})
    return {
        "summary": summary,
        "verdict": verdict(summary),
        "unfinished": unfinished(manifest, summary),
        "spread": spread_of_one_run(summary, batches),
        "tables": tables,
        "doubts": doubts(summary),
        "why_no_bounds": why_no_bounds(summary),
        "servers": " and ".join(axis for axis in SERVER_AXES if any(axis in cell["axes"] for cell in summary["cells"])),
        "quantity": quantity(summary["cells"]),
        "open_loop": any(map(is_open, summary["cells"])),
        "slo": ", ".join(f"{value:g}" for value in sorted({cell["slo_s"] for cell in summary["cells"]})),
        "mock": all(cell["target"] == "mock" for cell in summary["cells"]),
        "warnings": [*notes, *(f"{cell} was given up: {reason}" for cell, reason in given_up.items())],
        "provenance": _provenance(manifest, summary),
        "command": _again(manifest, summary),
    }


def short_tables(tables: Tables, most: int) -> list[str]:
    """Those with room on a page."""
    return [name for name, rows in tables.items() if len(rows) <= most]


def unfinished(manifest: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """That a run is not complete, and how much of it is there; "" when it is."""
    status = manifest.get("status", "complete")
    there = sum(cell["requests"] for cell in summary["cells"])
    whole = len(manifest.get("seeds", [])) * sum(about["requests_per_trial"] for about in manifest.get("cells", []))
    # Cells that were given up are among the warnings; what there is of them is a result.
    if status == "complete" or (status == "incomplete" and there >= whole):
        return ""
    states = {"running": "is still going, or was killed", "interrupted": "was interrupted"}
    state = states.get(status, "did not end well")
    of = f" of {whole:,}" if whole else ""
    return f"This run {state}: {there:,}{of} requests are in, and what follows is about them alone."


def _headed(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """A table, or nothing where there is no row."""
    return [header, *rows] if rows else []


def _again(manifest: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """The command that plays the same anew; of published results, which keep no command, that of their experiment."""
    if "command" in manifest:
        words = shlex.split(manifest["command"])
        return shlex.join(word for word in words if not word.startswith(("out=", "resume=")))
    trials = max((cell["trials"] for cell in summary["cells"]), default=0)
    return f"harness run {summary['experiment']} trials={trials}" if trials else ""


def _players(played_by: Mapping[str, Any] | None) -> str:
    """Engine and workers, and into how many shards trials were cut; empty where the run does not say."""
    if not played_by:
        return ""
    several = f" ({played_by['workers']} workers)" if played_by["workers"] > 1 else ""
    shards = sorted({*(played_by.get("shards") or {}).values()})
    cut = f", trials cut into {' or '.join(map(str, shards))} shards" if shards else ""
    return f"engine={played_by['engine']}{several}{cut}"


def _provenance(manifest: Mapping[str, Any], summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    versions = ", ".join(f"{name} {version}" for name, version in manifest.get("versions", {}).items())
    seeds = manifest.get("seeds") or [0]
    target = manifest.get("target", {})
    rows = [
        ("started", manifest.get("started")),
        ("command", manifest.get("command")),
        ("clock", f"{summary['clock']} ({summary['network']}), times scaled by {summary['time_scale']:g}"),
        ("target", " ".join(str(v) for v in (target.get("kind"), target.get("base_url"), target.get("model")) if v)),
        ("profiles", ", ".join(dict.fromkeys(cell["profile"] for cell in summary["cells"]))),
        ("seeds", f"{seeds[0]} to {seeds[-1]}"),
        ("versions", versions),
        ("played by", _players(manifest.get("played_by"))),
        ("commit", manifest.get("git_commit")),
    ]
    return [(name, str(value)) for name, value in rows if value]
