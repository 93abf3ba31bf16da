"""`harness run`."""

from __future__ import annotations

import argparse

from harness.cli.commands.base import Command, add_export, add_json


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", nargs="*", metavar="EXPERIMENT | key=value", help="an experiment's name, then settings to change"
    )
    add_json(parser, "summary.json instead of the table")
    parser.add_argument("-m", "--multirun", action="store_true", help="a run for each combination of a=1,2 values")
    parser.add_argument("--dry-run", action="store_true", help="say what it sends, costs and takes, and play nothing")
    add_export(parser)


def _handle(arguments: argparse.Namespace) -> int:
    from harness.cli.runs import multirun, run_experiment

    play = multirun if arguments.multirun else run_experiment
    return play(arguments.words, as_json=arguments.json, export=arguments.export, dry=arguments.dry_run)


RUN = Command(
    "run",
    "play an experiment and report it",
    (
        "harness run article trials=20 seed=100",
        "harness run article 'matrix.timeout=[5,10,20]' profile=calm",
        "harness run fault_matrix --dry-run",
        "harness run timeout_sweep out=/tmp/sweep report=false",
        "harness run timeout_sweep out=/tmp/sweep report=false resume=true",
        "harness run article clock=real time_scale=0.5 trials=1",
        "harness run article trials=1 target=openai target.model=gpt-4o-mini \\\n"
        "      workload.max_tokens=16 budget.max_requests=54000",
    ),
    _handle,
    _arguments,
    notes="Every key is in conf/config.yaml; `harness list` names what can be chosen.",
    exits={
        3: "some cells failed, max_failures stopped it, or its mock server died",
        4: "the budget was refused",
        5: "no room on the disk, or no way to write there",
        130: "interrupted (143: by SIGTERM, 129: by a terminal that was closed)",
    },
)
