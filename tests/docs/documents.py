"""What the documents show: blocks, code in running text, and the commands among them, in the order of reading."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from document_files import files_of
from shell_words import steps

from harness.cli.commands import COMMANDS
from harness.cli.hello import EXAMPLES, HELLO

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob(".github/*.md"),
    *ROOT.glob("experiments/*/README.md"),
]
SHELL = frozenset({"sh", "bash", "shell", "console"})
_FENCE = re.compile(r"^( *)```([\w-]*)[^\n]*\n(.*?)^ *```[ ]*$", re.MULTILINE | re.DOTALL)
#: What may be a call of `harness`, or of a file that the reader has written and that does the same.
_CALL = re.compile(r"(?:^|[\s/(])harness(?:\s|$)|^python3? \w+\.py ")


@dataclass(frozen=True)
class Line:
    """What is typed at once, however many lines of text it takes, and where it is shown: for a shell, or `python`."""

    where: str
    text: str
    language: str = "sh"

    @property
    def is_command(self) -> bool:
        """Whether `harness` is called in it."""
        return _CALL.search(self.text) is not None and any(step.is_harness for step in steps(self.text))


@dataclass(frozen=True)
class Block:
    """A fenced block, and where its first line is."""

    document: str
    line: int
    language: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.document}:{self.line}"


@dataclass(frozen=True)
class Session:
    """Lines that are typed one after another in one folder, in which there are the files of the document."""

    name: str
    lines: tuple[Line, ...]
    files: Mapping[str, str] = field(default_factory=dict)


def name_of(document: Path) -> str:
    """Its path within the repository."""
    return document.relative_to(ROOT).as_posix()


def blocks(text: str, document: str = "a document") -> list[Block]:
    """The fenced blocks of a document."""
    found = []
    for match in _FENCE.finditer(text):
        indent, language, inner = match.groups()
        line = text.count("\n", 0, match.start()) + 2
        found.append(Block(document, line, language, re.sub(f"^{indent}", "", inner, flags=re.MULTILINE)))
    return found


def spans(text: str) -> list[tuple[int, str]]:
    """Code within running text, a line each, with the number of the line on which it begins."""
    prose = _FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)
    # A bar within a table is escaped, in code too.
    return [
        (prose.count("\n", 0, match.start()) + 1, " ".join(match[1].replace("\\|", "|").split()))
        for match in re.finditer(r"`([^`]+)`", prose)
    ]


def shell_lines(block: Block) -> Iterator[Line]:
    """What a block of shell has the reader type: joined over line ends that are escaped or quoted, without comments."""
    begun, first = "", block.line
    prompts = block.language == "console"
    for number, raw in enumerate(block.text.splitlines(), start=block.line):
        if begun:
            text = f"{begun}{raw}"
        elif prompts and not raw.startswith("$ "):
            # What a command printed.
            continue
        else:
            text, first = raw.removeprefix("$ "), number
        if text.endswith("\\"):
            begun = f"{text[:-1].rstrip()} "
            continue
        if _open(text):
            begun = f"{text}\n"
            continue
        begun = ""
        text = _without_comment(text)
        if text:
            yield Line(f"{block.document}:{first}", text)
    if begun:
        raise AssertionError(f"{block.document}:{first}: a command that does not end: {begun.strip()}")


def _open(text: str) -> bool:
    """Whether a quote, or a text behind `<<`, is still to be ended."""
    here = re.search(r"<<-?\s*(['\"]?)(\w+)\1[^\n]*\n?", text)
    if here is not None:
        return not re.search(rf"^\s*{here[2]}\s*$", text[here.end() :], re.MULTILINE)
    return _quote(_without_comment(text)) is not None


def _quote(text: str) -> str | None:
    """The quotation mark that is open at the end."""
    inside: str | None = None
    for letter in text:
        if inside is None and letter in "'\"":
            inside = letter
        elif letter == inside:
            inside = None
    return inside


def _without_comment(text: str) -> str:
    for match in re.finditer(r"(?:^|\s)#", text):
        if _quote(text[: match.start()]) is None and "\n" not in text:
            return text[: match.start()].strip()
    return text.strip()


def steps_of(block: Block) -> Iterator[Line]:
    """What the steps of a job on GitHub run; the action in this repository runs `harness run` with its words."""
    for step in _steps(yaml.safe_load(block.text)):
        words = step.get("with")
        if isinstance(step.get("run"), str):
            shell = Block(block.document, block.line, "sh", step["run"])
            yield from (Line(block.where, line.text) for line in shell_lines(shell))
        elif isinstance(words, dict) and isinstance(words.get("run"), str):
            yield Line(block.where, f"harness run {words['run']} out=out")


def _steps(content: Any) -> Iterator[dict[str, Any]]:
    if isinstance(content, list):
        for item in content:
            yield from _steps(item)
    elif isinstance(content, dict):
        if "run" in content or "uses" in content:
            yield content
        else:
            for value in content.values():
                yield from _steps(value)


def typed(found: list[Block]) -> tuple[Line, ...]:
    """What blocks have the reader type, in their order."""
    lines: list[Line] = []
    for block in found:
        if block.language in SHELL:
            lines += shell_lines(block)
        elif block.language in {"yaml", "yml"} and re.search(r"\brun:", block.text):
            lines += steps_of(block)
        elif block.language == "python":
            lines.append(Line(block.where, block.text, "python"))
    return tuple(lines)


@cache
def guides() -> tuple[Session, ...]:
    """The blocks of each document, which a reader works through from top to bottom in one folder."""
    found = []
    for document in sorted(DOCUMENTS):
        text, name = document.read_text(), name_of(document)
        lines = typed(blocks(text, name))
        if lines:
            found.append(Session(name, lines, written(text)))
    return tuple(found)


def written(text: str) -> Mapping[str, str]:
    """The files that a document has its reader write."""
    return files_of(text, [(block.line, block.language, block.text) for block in blocks(text)])


@cache
def singles() -> tuple[Session, ...]:
    """Commands in running text, in tables and at the heads of experiments, each once and by itself."""
    found: dict[str, Session] = {}
    for document in sorted(DOCUMENTS):
        shown = document.read_text()
        for number, text in spans(shown):
            _add(found, Line(f"{name_of(document)}:{number}", text), written(shown))
    for file in sorted(ROOT.glob("conf/experiment/*.yaml")):
        for text in re.findall(r"^# Command: +(.+)$", file.read_text(), re.MULTILINE):
            _add(found, Line(name_of(file), text))
    for text in re.findall(r"^  (harness .+?)(?:  .*)?$", "\n".join([*EXAMPLES, HELLO]), re.MULTILINE):
        _add(found, Line("harness/cli/hello.py", text))
    return tuple(found.values())


def _add(found: dict[str, Session], line: Line, files: Mapping[str, str] | None = None) -> None:
    if line.text not in found and line.is_command:
        found[line.text] = Session(f"{line.where} {line.text}", (line,), files or {})


@cache
def examples() -> tuple[Session, ...]:
    """What `--help` of each subcommand shows, in one folder for each."""
    return tuple(
        Session(
            f"harness {command.name} --help",
            typed([Block(f"harness {command.name} --help", 1, "sh", "\n".join(command.examples))]),
        )
        for command in COMMANDS
    )


def sessions() -> tuple[Session, ...]:
    """All that is documented."""
    return guides() + singles() + examples()
