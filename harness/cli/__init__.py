"""The `harness` command: thin, so that each subcommand's work can be called from Python too.

Exit codes: 0 fine; 1 `compare` found a slow-down; 2 bad settings or arguments; 3 some cells failed;
4 the budget was refused; 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from harness import __version__
from harness.cli import commands
from harness.errors import UserError

DESCRIPTION = """Replay LLM batches under a matrix of client settings, measure every attempt, compare the tails.

  harness run article       the published evaluation in virtual time: no key, no server, seconds
  harness list              experiments, strategies, profiles, faults, workloads
  harness serve             the latency-injecting mock server on a real socket"""

EXIT_CODES = """exit codes:
  0 fine   1 compare: a cell is significantly slower   2 bad settings   3 some cells failed
  4 budget refused   130 interrupted"""

RUN_EXAMPLES = r"""examples:
  harness run article trials=20 seed=100
  harness run article 'matrix.timeout=[5,10,20]' profile=calm
  harness run timeout_sweep out=/tmp/sweep report=false
  harness run timeout_sweep out=/tmp/sweep report=false resume=true
  harness run article clock=real time_scale=0.5 trials=1
  harness run article trials=1 target=openai target.model=gpt-4o-mini \
      workload.max_tokens=16 budget.max_requests=54000

Every key is in conf/config.yaml; `harness list` names what can be chosen."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; UserErrors become one line on stderr."""
    parser = _parser()
    arguments = parser.parse_args(_flags_first(sys.argv[1:] if argv is None else argv))
    if arguments.command is None:
        parser.print_help()
        return 0
    handler: Callable[[argparse.Namespace], int] = arguments.handler
    try:
        return handler(arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the command's own output
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201 - the command's own output
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not complain at exit about what it cannot flush.
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="harness", description=DESCRIPTION, epilog=EXIT_CODES, formatter_class=formatter
    )
    parser.add_argument("--version", action="version", version=f"harness {__version__}")
    subcommands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def add(
        name: str, summary: str, handler: Callable[[argparse.Namespace], int], examples: str
    ) -> argparse.ArgumentParser:
        sub = subcommands.add_parser(
            name, help=summary, description=summary, epilog=examples, formatter_class=formatter
        )
        sub.set_defaults(handler=handler)
        return sub

    run = add("run", "play an experiment and report it", commands.run, RUN_EXAMPLES)
    run.add_argument(
        "words", nargs="*", metavar="EXPERIMENT | key=value", help="an experiment's name, then settings to change"
    )
    run.add_argument("--json", action="store_true", help="print summary.json on stdout instead of the table")
    run.add_argument("-m", "--multirun", action="store_true", help="one run for every combination of a=1,2 values")

    _add_export(run)

    report = add(
        "report",
        "rebuild figures, tables and pages of a run",
        commands.report,
        "examples:\n  harness report experiments/article/runs/<run>\n"
        "  harness report experiments/article/results --out reports/article",
    )
    report.add_argument("run_dir", metavar="RUN_DIR", help="a run folder or a folder of published results")
    report.add_argument("--out", metavar="DIR", help="where to write (default: RUN_DIR/report)")
    _add_export(report)
    report.add_argument("--json", action="store_true", help="print the summary as JSON on stdout")

    compare = add(
        "compare",
        "say which cells of a run are slower than a baseline's",
        commands.compare,
        "examples:\n  harness compare baseline/summary.json experiments/article/runs/<run> --fail-over 10\n"
        "  harness compare experiments/article/runs/<run> --cells article_20 article_10\n\n"
        "Exits 1 when a cell is significantly slower than the limit allows, fails more, asks for more, or is missing.",
    )
    compare.add_argument("base", metavar="BASE", help="run folder or summary.json")
    compare.add_argument("candidate", metavar="CANDIDATE", nargs="?", help="run folder or summary.json")
    compare.add_argument("--cells", nargs=2, metavar="CELL", help="compare these two of BASE instead")
    compare.add_argument("--markdown", metavar="FILE", help="append the verdict as Markdown")
    compare.add_argument(
        "--fail-over",
        type=_percent,
        default=0.0,
        metavar="PERCENT",
        help="slow-down that is still accepted (default 0)",
    )
    compare.add_argument("--json", action="store_true", help="print the comparison as JSON")

    baseline = add(
        "baseline",
        "write what later runs are compared with, to be committed",
        commands.baseline,
        "examples:\n  harness baseline experiments/article/runs/<run> ci/baseline.json",
    )
    baseline.add_argument("run_dir", metavar="RUN_DIR", help="a run folder or a summary.json")
    baseline.add_argument("file", metavar="FILE", help="for example ci/baseline.json")

    tune = add(
        "tune",
        "say which timeout and hedge recorded latencies argue for",
        commands.tune,
        "examples:\n  harness tune experiments/article/runs/<run>\n"
        "  harness tune latencies.csv --column ttft_s --batch-size 50 --load 1.1\n\n"
        "A CSV has a row per attempt and a column of seconds, empty where no answer came.",
    )
    tune.add_argument("recording", metavar="RUN_DIR | CSV", help="a run folder with records, or recorded latencies")
    tune.add_argument("--cell", metavar="CELL", help="of a run folder (default: the cell that waited longest)")
    tune.add_argument("--column", default="ttft_s", metavar="NAME", help="of a CSV (default ttft_s)")
    tune.add_argument("--batch-size", type=_count, default=100, metavar="N", help="requests awaited together (100)")
    tune.add_argument(
        "--load", type=_load, default=1.05, metavar="LOAD", help="attempts per request that are allowed (1.05)"
    )
    tune.add_argument("--out", metavar="DIR", help="where to write (default: RUN_DIR/tune, or ./tune)")
    tune.add_argument("--json", action="store_true", help="print the advice as JSON")

    serve = add(
        "serve",
        "the mock server on a real socket",
        commands.serve,
        "examples:\n  harness serve\n  harness serve profile=long_answer port=9000 seed=7\n"
        "  curl -N http://127.0.0.1:8000/v1/chat/completions -d "
        '\'{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}\'\n\n'
        "keys: profile=article host=127.0.0.1 port=8000 seed=0 time_scale=1 allow_remote=false, and any profile.FIELD",
    )
    serve.add_argument("words", nargs="*", metavar="key=value", help="settings, see below")

    listing = add("list", "experiments, strategies, profiles, faults, workloads", commands.list_, "")
    listing.add_argument("--json", action="store_true", help="print as JSON")

    new = add(
        "new",
        "write an experiment to start from",
        commands.new,
        "examples:\n  harness new experiment my_sweep\n  harness run my_sweep",
    )
    new.add_argument("kind", metavar="KIND", choices=["experiment"], help="experiment")
    new.add_argument("name", metavar="NAME", help="small letters, digits and underscores")

    publish = add(
        "publish",
        "copy the small files of a run to where results are committed",
        commands.publish,
        "examples:\n  harness publish experiments/article/runs/<run> experiments/article/results",
    )
    publish.add_argument("run_dir", metavar="RUN_DIR", help="a finished run folder")
    publish.add_argument("destination", metavar="DIR", help="for example experiments/<experiment>/results")
    return parser


def _add_export(parser: argparse.ArgumentParser) -> None:
    help_ = "write the totals for another tool too: pytest-benchmark (for its `compare`)"
    parser.add_argument("--export", choices=["pytest-benchmark"], metavar="FORMAT", help=help_)


def _flags_first(words: Sequence[str]) -> list[str]:
    """Let flags stand anywhere among the settings of `run` and `serve`; argparse wants words in one piece."""
    if not words or words[0] not in {"run", "serve"}:
        return list(words)
    joined: list[str] = []
    for word in words[1:]:
        # What follows a flag that takes a value goes where it goes.
        if joined and joined[-1] == "--export":
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return [words[0], *sorted(joined, key=lambda word: not word.startswith("-"))]


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError("must be 0 or more")
    return value


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number of 1 or more")
    return int(text)


def _load(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 1 <= value < float("inf"):
        raise argparse.ArgumentTypeError("must be 1 or more: every request needs one attempt")
    return value
