"""What a subcommand is, and what several of them share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.errors import did_you_mean


@dataclass(frozen=True)
class Command:
    """One subcommand: `arguments` adds to its parser, `handle` does the work and returns the exit code.

    `examples` are whole command lines, which tests run or compose; `notes` stand below them, and then the exit codes
    that this subcommand can give beside 0 and 2, with what they say.
    """

    name: str
    summary: str
    examples: tuple[str, ...]
    handle: Callable[[argparse.Namespace], int]
    arguments: Callable[[argparse.ArgumentParser], None]
    notes: str = ""
    exits: Mapping[int, str] = field(default_factory=dict)
    #: What its first word can be, where that can be counted.
    words: tuple[str, ...] = ()

    @property
    def epilog(self) -> str:
        """What `--help` says last."""
        shown = "\n".join(["examples:", *(f"  {example}" for example in self.examples)])
        codes = "\n".join(["exit codes:", *exit_lines({0: "fine", 2: "bad settings or arguments", **self.exits})])
        return "\n\n".join(part for part in (shown, self.notes, codes) if part)


def exit_lines(codes: Mapping[int, str]) -> list[str]:
    """A line for each exit code."""
    return [f"  {code:<3}  {meaning}" for code, meaning in sorted(codes.items())]


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    """The flag that every subcommand with a result has."""
    parser.add_argument("--json", action="store_true", help=f"print {what} as JSON on stdout")


def add_export(parser: argparse.ArgumentParser) -> None:
    """The flag of those that know the totals of a run."""
    help_ = "write the totals for another tool too: pytest-benchmark (for its `compare`)"
    parser.add_argument("--export", type=one_of("format", ["pytest-benchmark"]), metavar="FORMAT", help=help_)


def one_of(noun: str, choices: Sequence[str]) -> Callable[[str], str]:
    """An argument that is one of several words; a misspelt one is told its neighbour."""

    def parsed(text: str) -> str:
        if text not in choices:
            raise argparse.ArgumentTypeError(f"no {noun} '{text}'{did_you_mean(text, choices)}")
        return text

    return parsed


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
