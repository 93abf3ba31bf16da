"""The `harness` command: thin, so that each subcommand's work can be called from Python too.

Exit codes: 0 fine; 1 `compare` found a slow-down; 2 bad settings or arguments; 3 some cells failed;
4 the budget was refused; 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from harness import __version__
from harness.cli.commands import COMMANDS
from harness.cli.output import tell
from harness.errors import UserError

DESCRIPTION = """Replay LLM batches under a matrix of client settings, measure every attempt, compare the tails.

  harness run article       the published evaluation in virtual time: no key, no server, seconds
  harness list              experiments, strategies, profiles, faults, workloads
  harness serve             the latency-injecting mock server on a real socket"""

EXIT_CODES = """exit codes:
  0 fine   1 compare: a cell is significantly slower   2 bad settings   3 some cells failed
  4 budget refused   130 interrupted"""


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
        tell(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        tell("interrupted")
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
    for command in COMMANDS:
        sub = subcommands.add_parser(
            command.name,
            help=command.summary,
            description=command.summary,
            epilog=command.epilog,
            formatter_class=formatter,
        )
        command.arguments(sub)
        sub.set_defaults(handler=command.handle)
    return parser


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
