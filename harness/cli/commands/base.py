"""What a subcommand is, and what several of them share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One subcommand: `arguments` adds to its parser, `handle` does the work and returns the exit code.

    `examples` are whole command lines, which tests run or compose; `notes` stand below them.
    """

    name: str
    summary: str
    examples: tuple[str, ...]
    handle: Callable[[argparse.Namespace], int]
    arguments: Callable[[argparse.ArgumentParser], None]
    notes: str = ""

    @property
    def epilog(self) -> str:
        """What `--help` says last."""
        shown = "\n".join(["examples:", *(f"  {example}" for example in self.examples)])
        return f"{shown}\n\n{self.notes}" if self.notes else shown


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    """The flag that every subcommand with a result has."""
    parser.add_argument("--json", action="store_true", help=f"print {what} as JSON on stdout")


def add_export(parser: argparse.ArgumentParser) -> None:
    """The flag of those that know the totals of a run."""
    help_ = "write the totals for another tool too: pytest-benchmark (for its `compare`)"
    parser.add_argument("--export", choices=["pytest-benchmark"], metavar="FORMAT", help=help_)


def at_least(least: float, reason: str) -> Callable[[str], float]:
    """An argument that is a finite number from `least` on."""

    def parsed(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not least <= value < float("inf"):
            raise argparse.ArgumentTypeError(reason)
        return value

    return parsed


def count(text: str) -> int:
    """An argument that is a whole number from 1 on."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number of 1 or more")
    return int(text)
