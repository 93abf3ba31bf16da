"""`harness watch`."""

from __future__ import annotations

import argparse

from harness.cli.commands.base import Command, add_json
from harness.cli.output import say, say_json, tell


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_dir", metavar="RUN_DIR", help="the folder of a run that goes on; `harness run` prints it")
    add_json(parser, "where the run stands now, once,")


def _handle(arguments: argparse.Namespace) -> int:
    import time

    from harness.cli.live.follow import Followed
    from harness.cli.live.watching import conclusion, watch
    from harness.cli.progress import shown, working
    from harness.storage import RunFolder

    run = Followed(RunFolder.open(arguments.run_dir))
    was_running = run.is_running
    try:
        with working("reading the records") as tick:
            run.look(tick)
        if arguments.json:
            say_json(run.to_dict())
            return 0
        watch(run, shown(), wait=time.sleep)
    except KeyboardInterrupt:
        tell(f"no longer watching; look again with: harness watch {arguments.run_dir}")
        return 130
    say(conclusion(run) if was_running else f"over already: {conclusion(run)}")
    return 0


WATCH = Command(
    "watch",
    "show how far a run is that goes on elsewhere",
    (
        "harness watch experiments/article/runs/<run>",
        "harness watch experiments/article/runs/<run> --json",
    ),
    _handle,
    _arguments,
    notes="Ctrl-C ends the watching, not the run. Trials, batches and requests are counted from 0 in --json, as\n"
    "in the records.",
)
