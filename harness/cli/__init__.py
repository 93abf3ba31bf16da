"""The `harness` command: thin, so that each subcommand's work can be called from Python too.

Exit codes: 0 fine; 1 `compare` found a slow-down, or `doctor` something that does not work; 2 bad settings or
arguments; 3 some cells failed; 4 the budget was refused; 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from harness.cli.output import complain, say, tell
from harness.errors import UserError

if TYPE_CHECKING:
    import argparse


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; UserErrors become one line on stderr."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["__complete"]:
        # What a shell asks for between two keystrokes: nothing that it does not need is imported.
        from harness.cli.complete import answer

        return answer(words[1:])
    try:
        return _run(words)
    except UserError as error:
        complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        tell("interrupted")
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not complain at exit about what it cannot flush.
        sys.stderr.close()
        return 0


def _run(words: Sequence[str]) -> int:
    from harness.cli.hello import HELLO
    from harness.cli.parser import parse

    if not words:
        say(HELLO)
        return 0
    arguments = parse(words)
    if arguments.command is None:
        say(HELLO)
        return 0
    handler: Callable[[argparse.Namespace], int] = arguments.handler
    return handler(arguments)
