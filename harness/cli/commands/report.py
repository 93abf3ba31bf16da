"""`harness report`."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli.commands.base import Command, add_export, add_json
from harness.cli.output import say, say_json, tell, width


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_dir", metavar="RUN_DIR", help="a run folder or a folder of published results")
    parser.add_argument("--out", metavar="DIR", help="where to write (default: RUN_DIR/report)")
    parser.add_argument(
        "--trial", type=int, metavar="N", help="the trial that charts of a single run show, counting from 0"
    )
    parser.add_argument("--figures-only", action="store_true", help="write the figures and their data, no pages")
    add_export(parser)
    add_json(parser, "the summary")


def _handle(arguments: argparse.Namespace) -> int:
    from harness.cli.progress import working
    from harness.report import STYLES, export, headline_text, write_report
    from harness.storage import RunFolder

    folder = RunFolder.open(arguments.run_dir)
    out = Path(arguments.out) if arguments.out else folder.path / "report"
    with working("reporting") as tick:
        written = write_report(folder, out, trial=arguments.trial, figures_only=arguments.figures_only, progress=tick)
    if arguments.json:
        say_json(written.summary)
    else:
        say(headline_text(written.summary, width()), STYLES)
    tell(f"{'figures' if arguments.figures_only else 'report'}: {written.index}")
    if arguments.export:
        tell(f"exported: {export(written.summary, arguments.export, out)}")
    return 0


REPORT = Command(
    "report",
    "rebuild figures, tables and pages of a run",
    (
        "harness report experiments/article/runs/<run>",
        "harness report experiments/article/runs/<run> --figures-only --out report",
        "harness report experiments/article/results --out reports/article",
    ),
    _handle,
    _arguments,
)
