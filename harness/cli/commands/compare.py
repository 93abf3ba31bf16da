"""`harness compare` and `harness baseline`: is a change of settings slower?"""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path

from harness.cli.commands.base import Command, add_json, at_least
from harness.cli.output import say, say_json, tell
from harness.errors import UserError


def _compare_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("base", metavar="BASE", help="run folder or summary.json")
    parser.add_argument("candidate", metavar="CANDIDATE", nargs="?", help="run folder or summary.json")
    parser.add_argument("--cells", nargs=2, metavar="CELL", help="compare these two of BASE instead")
    parser.add_argument("--markdown", metavar="FILE", help="append the verdict as Markdown")
    parser.add_argument(
        "--fail-over",
        type=at_least(0.0, "must be 0 or more"),
        default=0.0,
        metavar="PERCENT",
        help="slow-down that is still accepted (default 0)",
    )
    add_json(parser, "the comparison")


def _compare(arguments: argparse.Namespace) -> int:
    from harness.compare import compare as compare_runs
    from harness.compare import compare_two_cells

    limit = arguments.fail_over
    if arguments.cells:
        if arguments.candidate is not None:
            raise UserError("--cells compares two cells of one run; leave CANDIDATE out")
        comparison = compare_two_cells(arguments.base, *arguments.cells, fail_over_percent=limit)
    elif arguments.candidate is None:
        raise UserError("compare needs BASE and CANDIDATE, or BASE --cells CELL CELL")
    else:
        comparison = compare_runs(arguments.base, arguments.candidate, fail_over_percent=limit)
    say(comparison.to_json() if arguments.json else comparison.to_text())
    # GitHub shows what a job writes there below its run.
    for place in (arguments.markdown, os.environ.get("GITHUB_STEP_SUMMARY")):
        if place:
            _append(Path(place), comparison.to_markdown())
    return comparison.exit_code


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UserError(f"cannot write to {path} ({error.strerror}); choose another --markdown") from None


COMPARE = Command(
    "compare",
    "say which cells of a run are slower than a baseline's",
    (
        "harness compare baseline/summary.json experiments/article/runs/<run> --fail-over 10",
        "harness compare experiments/article/runs/<run> --cells article_20 article_10",
    ),
    _compare,
    _compare_arguments,
    exits={1: "a cell is significantly slower than allowed, fails more, asks for more, or is missing"},
)


def _baseline_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_dir", metavar="RUN_DIR", help="a run folder or a summary.json")
    parser.add_argument("file", metavar="FILE", help="for example ci/baseline.json")
    add_json(parser, "where it was written")


def _baseline(arguments: argparse.Namespace) -> int:
    from harness.compare import baseline as write

    write(arguments.run_dir, arguments.file)
    if arguments.json:
        say_json({"baseline": arguments.file})
    tell(f"baseline: {arguments.file}")
    tell(f"compare with it: harness compare {shlex.quote(arguments.file)} RUN_DIR --fail-over 10")
    return 0


BASELINE = Command(
    "baseline",
    "write what later runs are compared with, to be committed",
    ("harness baseline experiments/article/runs/<run> ci/baseline.json",),
    _baseline,
    _baseline_arguments,
)
