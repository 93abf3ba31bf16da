"""The `harness` command: thin, so that each subcommand's work can be called from Python too.

Exit codes: 0 fine; 1 `compare` found a slow-down, or `doctor` something that does not work; 2 bad settings or
arguments; 3 some cells failed, or the run was stopped; 4 the budget was refused; 5 the disk is full; 130 interrupted,
143 and 129 by SIGTERM and SIGHUP.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from harness.cli.output import complain, open_streams, say, tell
from harness.cli.signals import INTERRUPTED, ending
from harness.errors import UserError

if TYPE_CHECKING:
    import argparse


#: Objects made and not yet given back before the youngest are looked at: imports make hundreds of thousands to keep.
_YOUNG = 50_000


def entry() -> int:
    """The command as a process of its own: `main`, with the garbage collector told what such a process is like.

    What lives on is looked at rarely while it works, and not at all when it ends: the system takes it back at once.
    """
    open_streams()
    gc.set_threshold(_YOUNG)
    try:
        return main()
    finally:
        gc.freeze()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; UserErrors become one line on stderr."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["__complete"]:
        # What a shell asks for between two keystrokes: nothing that it does not need is imported.
        from harness.cli.complete import answer

        return answer(words[1:])
    with ending() as signals:
        return signals.exit_code(_code(words))


def _code(words: Sequence[str]) -> int:
    try:
        return _run(words)
    except UserError as error:
        complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        tell("interrupted")
        return INTERRUPTED
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
