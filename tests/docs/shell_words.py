"""As much of a shell as documents need: what is called in a line, and where its output goes."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

from harness.cli.commands import COMMANDS

#: Words before `harness` that say which of several installations is called.
_PREFIXES = (
    ("uv", "run", "--no-sync"),
    ("uv", "run"),
    ("uvx",),
    ("python", "-m"),
    (".venv/bin/python", "-m"),
)
_SUBCOMMANDS = frozenset(command.name for command in COMMANDS)
_BETWEEN = frozenset({"&&", "||", ";", "|", "&"})


@dataclass(frozen=True)
class Step:
    """One program with its arguments; `reads` is whether what comes before it in a pipe is its input.

    `script` is the reader's own Python file that is called in place of `harness`.
    """

    words: tuple[str, ...]
    script: str | None = None
    reads: bool = False
    writes: str | None = None
    appends: bool = False
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def is_harness(self) -> bool:
        return self.words[:1] == ("harness",)

    @property
    def text(self) -> str:
        return shlex.join(self.words)


def steps(line: str) -> list[Step]:
    """The steps of a line, in order. Raises ValueError for what a reader could not type into a shell either."""
    # A text that goes into a program is none of the words.
    line = re.sub(r"<<-?\s*(['\"]?)(\w+)\1([^\n]*)\n.*?^\s*\2\s*$", r"\3", line, flags=re.MULTILINE | re.DOTALL)
    # What is sourced is printed first.
    line = re.sub(r"(?<!\S)(source|\.) <\(([^()]*)\)", r"\2 | \1", line)
    found, words, reads = [], [], False
    for token in [*_tokens(line), ";"]:
        if token in _BETWEEN:
            if words:
                found.append(_step(words, reads))
            words, reads = [], token == "|"
        else:
            words.append(token)
    return found


def _tokens(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;<>")
    lexer.whitespace_split, lexer.commenters = True, ""
    return list(lexer)


def _step(words: list[str], reads: bool) -> Step:
    environment = {}
    while words and (assigned := re.fullmatch(r"([A-Z_]+)=(.*)", words[0], re.DOTALL)):
        environment[assigned[1]] = assigned[2]
        words = words[1:]
    writes, appends = None, False
    for sign in (">", ">>"):
        if sign in words:
            place = words.index(sign)
            if len(words) != place + 2:
                raise ValueError(f"only a file can stand behind {sign}, and nothing behind it")
            target, words = words[place + 1], words[:place]
            if words[-1:] == ["2"]:
                # Progress and advice, which nobody reads here.
                words = words[:-1]
            else:
                writes, appends = target, sign == ">>"
    for prefix in _PREFIXES:
        if tuple(words[: len(prefix)]) == prefix and words[len(prefix) : len(prefix) + 1] == ["harness"]:
            words = words[len(prefix) :]
    if words and words[0].endswith("/harness"):
        words = ["harness", *words[1:]]
    script = None
    if words[:1] in (["python"], ["python3"]) and words[2:] and words[1].endswith(".py") and words[2] in _SUBCOMMANDS:
        script, words = words[1], ["harness", *words[2:]]
    return Step(tuple(words), script, reads, writes, appends, environment)
