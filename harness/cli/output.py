"""Where the command speaks: results on standard output, everything else on standard error.

Colours are laid over the words by patterns, on terminals only, so that a pipe gets the same words.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from harness.errors import unwritten

#: Regular expressions, and how rich shows what they match; NO_COLOR leaves bold and dim.
Styles = Mapping[str, str]


def say(text: str, styles: Styles | None = None) -> None:
    """Print a result on stdout."""
    _show(text, styles, sys.stdout)


def say_json(value: Any) -> None:
    """Print a result on stdout as JSON."""
    say(json.dumps(value, indent=1, sort_keys=True))


def tell(text: str, styles: Styles | None = None) -> None:
    """Print progress or advice on stderr."""
    _show(text, styles, sys.stderr)


def complain(text: str) -> None:
    """Print what went wrong on stderr."""
    tell(f"error: {text}", {r"^error:": "bold red"})


def width() -> int | None:
    """Columns of the terminal that shows results; None where there is none, and text is as wide as it is."""
    return columns(sys.stdout)


def columns(stream: TextIO) -> int | None:
    """Columns of the terminal behind a stream; None where it is none. COLUMNS overrides what the terminal says."""
    if not stream.isatty():
        return None
    if os.environ.get("COLUMNS", "").isdigit():
        return int(os.environ["COLUMNS"])
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except OSError:
        return None


def write_line(text: str, stream: TextIO) -> None:
    """Print a line at once. A reader that has seen enough, as `head` has, does not keep a command from its end.

    Raises DiskError where what is printed goes to a disk that is full.
    """
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        _mute(stream)
    except OSError as error:
        _mute(stream)
        raise unwritten("what was to be printed", error) from None


def _mute(stream: TextIO) -> None:
    """Let all that comes go nowhere, what Python flushes at its end too."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def open_streams() -> None:
    """Give a process that was started without standard streams ones that lead nowhere.

    What is opened next would otherwise get their numbers, and errors of libraries would go into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is this one.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w", closefd=False))


def _show(text: str, styles: Styles | None, stream: TextIO) -> None:
    if not styles or not stream.isatty() or os.environ.get("TERM") == "dumb":
        write_line(text, stream)
        return
    from rich.console import Console
    from rich.text import Text

    painted = Text(text)
    for pattern, style in styles.items():
        painted.highlight_regex(pattern, style)
    # Lines are the terminal's to wrap: what is copied from it stays whole.
    Console(file=stream, highlight=False, soft_wrap=True).print(painted)
