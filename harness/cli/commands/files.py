"""`harness new` and `harness publish`: files to start from, and files to commit."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli.commands.base import Command, add_json, one_of
from harness.cli.output import say, say_json, tell


def _new_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", metavar="KIND", type=one_of("kind of file", ["experiment"]), help="experiment")
    parser.add_argument("name", metavar="NAME", help="small letters, digits and underscores")
    add_json(parser, "the path of the file")


def _new(arguments: argparse.Namespace) -> int:
    from harness.config.new import new_experiment

    written = str(new_experiment(arguments.name))
    if arguments.json:
        say_json({"experiment": written})
    else:
        say(written)
    tell(f"edit it, and then: harness run {arguments.name}")
    return 0


NEW = Command(
    "new",
    "write an experiment to start from",
    ("harness new experiment my_sweep",),
    _new,
    _new_arguments,
    notes="It goes into ./conf/experiment/, where `harness run my_sweep` and `harness list` find it.",
    words=("experiment",),
)


def _publish_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_dir", metavar="RUN_DIR", help="a finished run folder")
    parser.add_argument("destination", metavar="DIR", help="for example experiments/<experiment>/results")
    add_json(parser, "where it was published")


def _publish(arguments: argparse.Namespace) -> int:
    from harness.report import publish
    from harness.storage import RunFolder

    publish(RunFolder.open(arguments.run_dir), Path(arguments.destination))
    if arguments.json:
        say_json({"published": arguments.destination})
    tell(f"published: {arguments.destination}")
    return 0


PUBLISH = Command(
    "publish",
    "copy the small files of a run to where results are committed",
    ("harness publish experiments/article/runs/<run> experiments/article/results",),
    _publish,
    _publish_arguments,
)
