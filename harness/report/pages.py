"""Write report.md, index.html, tables and figures for a run folder."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis import frames, restate, summarise
from harness.errors import UserError
from harness.plots import Chart, Data, charts_for, save
from harness.report.published import most_alike
from harness.report.tables import (
    BOUNDS,
    COSTS,
    HEADER,
    TAILS,
    bound_rows,
    cost_rows,
    doubts,
    fault_rows,
    headline_rows,
    markdown,
    tail_rows,
    why_no_bounds,
)
from harness.report.verdict import published_rows, spread_of_one_run, verdict
from harness.storage import RunFolder

#: Longer tables are files beside the page.
_MOST_ROWS = 60


@dataclass(frozen=True)
class Report:
    """What was written, and the summary that it shows."""

    index: Path
    summary: dict[str, Any]


@dataclass(frozen=True)
class _Figure:
    """A chart as the templates need it."""

    name: str
    title: str
    data_uri: str


def write_report(folder: RunFolder, out: Path) -> Report:
    """Rebuild the report of a run from its records, or of published results from their tables.

    Equal records give equal tables, byte for byte. Raises UserError when there is nothing to report or `out` cannot be
    written.
    """
    summary = summarise(folder) if folder.has_records else restate(folder)
    tables = frames(folder)
    alike = most_alike(summary)
    data = Data(summary, tables.batches, tables.quantiles, shown_trial=alike.trial if alike else 0)
    try:
        figures = [_figure(chart, out / "figures") for chart in charts_for(data)]
        context = _context(folder, summary, tables, figures)
        for name, rows in context["tables"].items():
            _write_csv(out / "tables" / f"{name}.csv", rows)
        for template, target in (("report.md.j2", "report.md"), ("index.html.j2", "index.html")):
            (out / target).write_text(_rendered(template, context), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write to {out} ({error.strerror}); choose another --out") from None
    return Report(out / "index.html", summary)


def _figure(chart: Chart, folder: Path) -> _Figure:
    svg, _ = save(chart, folder)
    uri = "data:image/svg+xml;base64," + base64.b64encode(svg.read_bytes()).decode()
    return _Figure(chart.name, chart.title, uri)


def _context(folder: RunFolder, summary: Mapping[str, Any], tables: Any, figures: Sequence[_Figure]) -> dict[str, Any]:
    """Everything that the templates show."""
    manifest = folder.manifest()
    batches = tables.batches
    named: dict[str, Sequence[Sequence[Any]]] = {
        "faults": fault_rows(summary),
        "cells": [HEADER, *headline_rows(summary)],
        "tails": _headed(TAILS, tail_rows(summary)),
        "costs": _headed(COSTS, cost_rows(summary)),
        "bounds": _headed(BOUNDS, bound_rows(summary)),
        "published": published_rows(summary),
        "batches": [tuple(batches.columns), *batches.itertuples(index=False, name=None)],
    }
    tables_of = {name: rows for name, rows in named.items() if rows}
    trials = sorted({cell["trials"] for cell in summary["cells"]})
    return {
        "summary": summary,
        "verdict": verdict(summary),
        "spread": spread_of_one_run(summary, batches),
        "figures": figures,
        "tables": tables_of,
        "inline": [name for name, rows in tables_of.items() if len(rows) <= _MOST_ROWS],
        "doubts": doubts(summary),
        "why_no_bounds": why_no_bounds(summary),
        "provenance": _provenance(manifest, summary),
        "failed_cells": manifest.get("failed_cells", {}),
        "status": manifest.get("status", ""),
        "trials": " to ".join(str(n) for n in (trials[:1] + trials[1:][-1:])),
        "command": f"harness run {summary['experiment']} trials={trials[-1]}" if trials else "",
    }


def _headed(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """A table, or nothing where there is no row."""
    return [header, *rows] if rows else []


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
        ("commit", manifest.get("git_commit")),
    ]
    return [(name, str(value)) for name, value in rows if value]


def _rendered(template: str, context: Mapping[str, Any]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("harness.report"),
        autoescape=template.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["markdown_table"] = markdown
    return environment.get_template(template).render(context)


def _write_csv(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    import pandas as pd

    path.parent.mkdir(parents=True, exist_ok=True)
    header, *body = rows
    pd.DataFrame(body, columns=pd.Index(header)).to_csv(path, index=False, lineterminator="\n")
