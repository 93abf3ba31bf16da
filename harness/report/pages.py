"""Write report.md, index.html, tables and figures for a run folder."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from harness.analysis import blank, frames, restate, summarise
from harness.analysis.timelines import timelines, worth_showing
from harness.errors import UserError, has_no_room, unwritten
from harness.plots import Chart, Data, Timeline, charts_for, save, save_data
from harness.plots.timeline import STALL
from harness.progress import Progress, nobody, part
from harness.report.context import MOST_ROWS, MOST_ROWS_OF_MARKDOWN, context_of, short_tables, tables_of
from harness.report.payload import MOST_ATTEMPTS, payload
from harness.report.published import most_alike
from harness.report.words import as_markdown, markdown
from harness.storage import RunFolder

_ASSETS = Path(__file__).with_name("assets")
#: In the order in which the page runs them.
_SCRIPTS = ("vendor/d3.min.js", "vendor/plot.umd.min.js", "base.js", "charts.js", "explore.js", "page.js")

#: Cells beyond which colours repeat too often to mark the rows of tables with them.
_MOST_SWATCHES = 12


@dataclass(frozen=True)
class Report:
    """What was written, and the summary that it shows."""

    index: Path
    summary: dict[str, Any]


@dataclass(frozen=True)
class _Figure:
    """A chart as the templates need it; `picture` is a data URI where the page's script cannot draw it."""

    name: str
    title: str
    picture: str | None


def write_report(
    folder: RunFolder,
    out: Path,
    *,
    trial: int | None = None,
    figures_only: bool = False,
    progress: Progress = nobody,
) -> Report:
    """Rebuild the report of a run from its records, or of published results from their tables.

    Charts of a single run show `trial`, which counts from 0; None shows the one most like the published evaluation, or
    the first. `figures_only` leaves tables and pages out. `progress` hears how much is done. Equal records give equal
    files, byte for byte. Raises UserError when the run has no such trial or `out` cannot be written.
    """
    summary = _summary(folder, part(progress, 0.0, 0.5))
    data = _data(folder, summary, trial)
    progress(0.6)
    charts = charts_for(data)
    try:
        figures = []
        for number, chart in enumerate(charts, start=1):
            figures.append(_figure(chart, out / "figures"))
            progress(0.6 + 0.3 * number / len(charts))
        index = out / "figures" if figures_only else _pages(folder, out, data, charts, figures)
    except OSError as error:
        if has_no_room(error):
            raise unwritten(out, error) from None
        raise UserError(f"cannot write to {out} ({error.strerror}); choose another --out") from None
    progress(1.0)
    return Report(index, summary)


def _summary(folder: RunFolder, progress: Progress) -> dict[str, Any]:
    if not folder.has_records:
        return restate(folder)
    return blank(folder) if next(folder.lines(), None) is None else summarise(folder, progress=progress)


def _data(folder: RunFolder, summary: dict[str, Any], trial: int | None) -> Data:
    tables = frames(folder)
    alike = most_alike(summary)
    shown = trial if trial is not None else alike.trial if alike else 0
    known = sorted(set(tables.batches["trial"].tolist()))
    if trial is not None and trial not in known:
        there = f"0 to {known[-1]}" if known else "none yet"
        raise UserError(f"no trial {trial} in {folder.path}; there are {there}")
    wanted = worth_showing(tables.batches, summary, trial=shown, most_attempts=MOST_ATTEMPTS)
    first_seed = (folder.manifest().get("seeds") or [0])[0]
    attempts = timelines(folder, wanted)
    return Data(summary, tables.batches, tables.quantiles, attempts, shown_trial=shown, first_seed=first_seed)


def _figure(chart: Chart, folder: Path) -> _Figure:
    svg, _ = save(chart, folder)
    save_data(chart, folder)
    picture = None
    if chart.name not in drawn_by_script():
        picture = "data:image/svg+xml;base64," + base64.b64encode(svg.read_bytes()).decode()
    return _Figure(chart.name, chart.title, picture)


def _pages(folder: RunFolder, out: Path, data: Data, charts: Sequence[Chart], figures: Sequence[_Figure]) -> Path:
    tables = tables_of(data.summary, data.batches)
    for name, rows in tables.items():
        _write_csv(out / "tables" / f"{name}.csv", rows)
    context = context_of(folder.manifest(), data.summary, data.batches, tables)
    markdown_page = _rendered(
        "report.md.j2", context | {"figures": figures, "inline": short_tables(tables, MOST_ROWS_OF_MARKDOWN)}
    )
    (out / "report.md").write_text(markdown_page, encoding="utf-8")
    page = context | {
        "figures": [figure for figure in figures if figure.name != Timeline.name],
        "timeline": next((figure for figure in figures if figure.name == Timeline.name), None),
        "explores": len(data.batches) > 0,
        "explained": (
            f"What is silent for more than {STALL:g} times its cell's median time to first content stalls: before its "
            "first content, or after its last; silence between the two is not on record."
        ),
        "inline": short_tables(tables, MOST_ROWS),
        "told_apart": len(data.looks) <= _MOST_SWATCHES,
        "looks": {name: look.variable for name, look in data.looks.items()},
        "payload": _embedded({**payload(data, charts), "records": folder.has_records}),
        "assets": _assets(),
        "scripts": _SCRIPTS,
    }
    (out / "index.html").write_text(_rendered("index.html.j2", page), encoding="utf-8")
    return out / "index.html"


@cache
def drawn_by_script() -> frozenset[str]:
    """Names of the charts that the page's script draws; of others it shows the picture."""
    script = (_ASSETS / "charts.js").read_text(encoding="utf-8")
    return frozenset({Timeline.name, *re.findall(r"^ *draw\.(\w+) =", script, re.MULTILINE)})


@cache
def _assets() -> dict[str, Any]:
    """Styles and scripts as the template embeds them: they are ours, and hold nothing to be escaped."""
    from markupsafe import Markup

    names = ("page.css", "dark.css", *_SCRIPTS)
    return {name: Markup((_ASSETS / name).read_text(encoding="utf-8")) for name in names}  # noqa: S704 - files of this package


def _embedded(value: Any) -> Any:
    """JSON inside a script element, where no name can end it."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)  # noqa: S704 - nothing is left in it that HTML knows


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
    environment.filters["text"] = as_markdown
    return environment.get_template(template).render(context).lstrip()


def _write_csv(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    import pandas as pd

    path.parent.mkdir(parents=True, exist_ok=True)
    header, *body = rows
    pd.DataFrame(body, columns=pd.Index(header)).to_csv(path, index=False, lineterminator="\n")
