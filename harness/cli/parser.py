"""From the words of the command line to what a subcommand gets; what is wrong with them is said in one line."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from typing import NoReturn

from harness import __version__
from harness.cli.commands import COMMANDS
from harness.cli.commands.base import exit_lines
from harness.cli.complete.names import run_keys
from harness.cli.hello import EXAMPLES, EXIT_CODES, SUMMARY
from harness.errors import UserError, did_you_mean
from harness.places import members

#: Subcommands whose words are settings, among which flags may stand anywhere; argparse wants words in one piece.
_OF_SETTINGS = frozenset({"run", "serve"})
#: Their flags that take a value, which goes where the flag goes.
_WITH_VALUE = frozenset({"--export"})


class Parser(argparse.ArgumentParser):
    """argparse, but for its errors: one line and where to read on, instead of the whole usage."""

    #: What the first word of a subcommand can be, where that can be counted.
    words: tuple[str, ...] = ()

    def error(self, message: str) -> NoReturn:
        """Raise UserError."""
        raise UserError(f"{message}\nsee {self.prog} --help")

    @property
    def flag_help(self) -> dict[str, str]:
        """Every flag in its long form, with its help."""
        actions = self._option_string_actions.items()
        return {flag: action.help or "" for flag, action in actions if flag.startswith("--")}

    @property
    def valued(self) -> frozenset[str]:
        """Every flag that takes a value, in its long form."""
        actions = self._option_string_actions.items()
        return frozenset(flag for flag, action in actions if action.nargs != 0 and flag.startswith("--"))


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The arguments of the subcommand that is called, with its `handler`; `command` is None without one.

    Raises UserError for whatever is misspelt, missing or too much.
    """
    name = next((word for word in words if not word.startswith("-")), None)
    if name is not None and name not in {command.name for command in COMMANDS}:
        raise UserError(_no_command(name))
    parser, subparsers = parsers()
    arguments, unknown = parser.parse_known_args(_flags_first(words))
    if unknown:
        own = subparsers.get(arguments.command, parser)
        own.error(_unknown(unknown[0], own, takes_settings=arguments.command in _OF_SETTINGS))
    return arguments


def parsers() -> tuple[Parser, dict[str, Parser]]:
    """The parser of the whole command, and those of its subcommands by name."""
    epilog = "\n".join(["examples:", *EXAMPLES, "", "exit codes:", *exit_lines(EXIT_CODES)])
    parser = Parser(prog="harness", description=SUMMARY, epilog=epilog, formatter_class=_WithRoom)
    parser.add_argument("--version", action="version", version=f"harness {__version__}")
    subcommands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", parser_class=Parser)
    found = {}
    for command in COMMANDS:
        sub = subcommands.add_parser(
            command.name,
            help=command.summary,
            description=command.summary,
            epilog=command.epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.arguments(sub)
        sub.set_defaults(handler=command.handle)
        sub.words = command.words
        found[command.name] = sub
    return parser, found


class _WithRoom(argparse.RawDescriptionHelpFormatter):
    """Room for the longest name of a subcommand: argparse forgets that their names are indented once more."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = 4 + max(len(command.name) for command in COMMANDS)


def _no_command(word: str) -> str:
    names = [command.name for command in COMMANDS]
    if difflib.get_close_matches(word, names, n=1, cutoff=0.6):
        return f"no command '{word}'{did_you_mean(word, names)}"
    if word.partition("=")[1] or word in members("experiment"):
        return f"no command '{word}'; did you mean 'harness run {word}'?"
    return f"no command '{word}'{did_you_mean(word, names)}"


def _unknown(word: str, parser: Parser, *, takes_settings: bool) -> str:
    """What is wrong with a word that no argument takes."""
    if not word.startswith("-"):
        return f"'{word}' is one word too many"
    flag, _, value = word.partition("=")
    key = flag.lstrip("-")
    if takes_settings and key.partition(".")[0] in run_keys():
        return f"unknown flag {flag}; settings are written without dashes: {key}={value or 'VALUE'}"
    return f"unknown flag {flag}{did_you_mean(flag, parser.flag_help)}"


def _flags_first(words: Sequence[str]) -> list[str]:
    """Let flags stand anywhere among settings."""
    if not words or words[0] not in _OF_SETTINGS:
        return list(words)
    joined: list[str] = []
    for word in words[1:]:
        if joined and joined[-1] in _WITH_VALUE:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return [words[0], *sorted(joined, key=lambda word: not word.startswith("-"))]
