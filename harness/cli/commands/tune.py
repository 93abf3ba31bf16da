"""`harness tune`."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from harness.cli.commands.base import Command, add_json, at_least, count
from harness.cli.output import say, say_json, tell


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", metavar="RUN_DIR | CSV", help="a run folder with records, or recorded latencies")
    parser.add_argument("--cell", metavar="CELL", help="of a run folder (default: the cell that waited longest)")
    parser.add_argument("--column", default="ttft_s", metavar="NAME", help="of a CSV (default ttft_s)")
    parser.add_argument("--batch-size", type=count, default=100, metavar="N", help="requests awaited together (100)")
    parser.add_argument(
        "--load",
        type=at_least(1.0, "must be 1 or more: every request needs one attempt"),
        default=1.05,
        metavar="LOAD",
        help="attempts per request that are allowed (1.05)",
    )
    parser.add_argument("--out", metavar="DIR", help="where to write (default: RUN_DIR/tune, or ./tune)")
    add_json(parser, "the advice")


def _handle(arguments: argparse.Namespace) -> int:
    from harness.cli.progress import working
    from harness.progress import part
    from harness.tune import advice_text, advise, recording_of, write_advice

    path = Path(arguments.recording)
    with working("weighing timeouts") as tick:
        read, weighed = part(tick, 0.0, 0.5), part(tick, 0.5, 1.0)
        recording = recording_of(path, cell=arguments.cell, column=arguments.column, progress=read)
        advice = advise(recording, batch_size=arguments.batch_size, most_load=arguments.load, progress=weighed)
    if arguments.json:
        say_json(advice.to_dict())
    else:
        say(advice_text(advice))
    out = Path(arguments.out) if arguments.out else (path / "tune" if path.is_dir() else Path("tune"))
    written = write_advice(advice, out)
    best = advice.best
    if best is not None:
        name = best.strategy["name"]
        source = shlex.quote(str(out / f"{name}.yaml"))
        tell(f"try it: mkdir -p conf/strategy && cp {source} conf/strategy/")
        words = [
            f"matrix.strategy=[article_none,{name}]",
            "profile=recorded",
            f"profile.recording.file={path}",
            "trials=10",
        ]
        tell(f"and then: {shlex.join(['harness', 'run', 'article', *words])}")
    tell(f"written: {', '.join(str(file) for file in written)}")
    return 0


TUNE = Command(
    "tune",
    "say which timeout and hedge recorded latencies argue for",
    (
        "harness tune experiments/article/runs/<run>",
        "harness tune latencies.csv --column ttft_s --batch-size 50 --load 1.1",
    ),
    _handle,
    _arguments,
    notes="A CSV has a row per attempt and a column of seconds, empty where no answer came.",
)
