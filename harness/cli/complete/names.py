"""What can be completed, read from the settings' files line by line: no YAML, no Hydra, no pydantic, no time lost."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.places import members, packaged

#: Groups of conf/ that a run chooses from with group=NAME.
GROUPS = ("profile", "strategy", "fault", "workload", "target")
#: What a member of a group is, and no setting of it.
_NO_SETTING = frozenset({"name", "kind", "description", "defaults", "question"})
#: Settings that every strategy has, or every one that the harness plays by itself, and that no file need spell out.
COMMON = (
    "stream",
    "dispatch",
    "in_flight",
    "stagger_s",
    "max_connections",
    "sdk_models",
    "transport",
    "headers_timeout",
    "backoff",
    "patient",
    "grace_s",
)
#: Axes that are no setting of a strategy.
OTHER_AXES = ("strategy", "profile", "fault", "rate", "batch_size")

_BOOLEAN = ("true", "false")
#: Values that a key can have, where they can be counted.
VALUES: Mapping[str, tuple[str, ...]] = {
    "clock": ("virtual", "real"),
    "network": ("direct", "memory"),
    "event_loop": ("auto", "asyncio", "uvloop"),
    "engine": ("auto", "local", "processes", "ray", "dask"),
    "shards": ("auto",),
    "trials": ("auto",),
    "report": _BOOLEAN,
    "resume": _BOOLEAN,
    "precision.metric": ("total", "speedup"),
}
#: The same for settings of a strategy, behind `strategy.` and as axes.
STRATEGY_VALUES: Mapping[str, tuple[str, ...]] = {
    "stream": _BOOLEAN,
    "sdk_models": _BOOLEAN,
    "max_connections": ("auto",),
    "patient": _BOOLEAN,
    "fresh_connection": _BOOLEAN,
    "dispatch": ("gather", "window", "aimd", "gradient", "open"),
    "transport": ("httpx2", "aiohttp", "asyncio"),
    "objective": ("makespan", "mean"),
    "timeout": ("null", "off"),
}
#: Keys of `harness serve`, and what they do.
SERVE: Mapping[str, str] = {
    "profile": "how the mock behaves",
    "fault": "one more misbehaviour",
    "host": "where it listens",
    "port": "0 takes a free one",
    "seed": "of all that is drawn",
    "time_scale": "multiplies the profile's times",
    "allow_remote": "listen beyond this machine",
}

_LINE = re.compile(r"^(?P<indent> *)(?P<key>\w+): *(?P<value>'[^']*'|\"[^\"]*\"|[^#]*?)(?: *# *(?P<comment>.*))?$")


@dataclass(frozen=True)
class Flags:
    """A subcommand: what it does, its flags with their help, those that take a value, and words it can begin with."""

    about: str
    flags: Mapping[str, str]
    valued: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()


class Known:
    """Names by group and keys by section, each with a line about it; read when they are asked for."""

    def __init__(self, commands: Mapping[str, Flags], flags: Mapping[str, str]) -> None:
        self.commands = commands
        self.flags = flags

    def names(self, group: str) -> dict[str, str]:
        """The members of a group, the user's own among them."""
        return {name: _about(path) for name, path in members(group).items()}

    @cached_property
    def keys(self) -> dict[str, str]:
        """Every key of `run` but those of strategies, profiles and faults."""
        found = {key: comment for key, comment in _config() if key != "matrix" and "." not in key}
        keys = _config()
        inner = {key.rpartition(".")[0] for key, _ in keys}
        nested = {key: comment for key, comment in keys if "." in key and key not in inner}
        groups = {group: found.pop(group, "") or _CHOICE[group] for group in GROUPS}
        sections = {key.partition(".")[0] for key in nested}
        plain = {key: comment for key, comment in found.items() if key not in sections}
        settings = {
            f"{group}.{field}": "" for group in ("workload", "target") for field in self.settings(group) if field
        }
        return groups | plain | nested | settings

    def settings(self, group: str) -> list[str]:
        """The settings that members of a group spell out, in order of their first mention."""
        found = dict.fromkeys(COMMON if group == "strategy" else ())
        for path in members(group).values():
            found |= dict.fromkeys(key for key, _, _ in _lines(path) if "." not in key)
        return [key for key in found if key not in _NO_SETTING]

    @property
    def axes(self) -> list[str]:
        """Axes of a matrix."""
        return [*OTHER_AXES, *self.settings("strategy"), "include", "exclude"]


_CHOICE = {
    "profile": "how the mock behaves",
    "strategy": "the client's settings",
    "fault": "one more misbehaviour",
    "workload": "which requests",
    "target": "who answers",
}


def known() -> Known:
    """What there is, here and now."""
    from harness.cli.parser import parsers

    parser, subparsers = parsers()
    about = {name: sub.description or "" for name, sub in subparsers.items()}
    commands = {name: Flags(about[name], sub.flag_help, sub.valued, sub.words) for name, sub in subparsers.items()}
    return Known(commands, parser.flag_help)


def run_keys() -> set[str]:
    """The first part of every key of `run`."""
    return {key for key, _ in _config() if "." not in key} | set(GROUPS)


def _config() -> list[tuple[str, str]]:
    return [(key, comment) for key, _, comment in _lines(packaged() / "config.yaml") if key != "defaults"]


def _about(path: Path) -> str:
    """The question or description in a file, else its first comment."""
    text = _text(path)
    for key, value, _ in _scan(text):
        if key in {"question", "description"} and value:
            return value
    return next((line.lstrip("# ") for line in text.splitlines() if re.match(r"# *[^@ ]", line)), "")


def _lines(path: Path) -> list[tuple[str, str, str]]:
    return list(_scan(_text(path)))


def _scan(text: str) -> Iterator[tuple[str, str, str]]:
    """Dotted key, value and comment of each line of a mapping that is indented by two."""
    path: list[str] = []
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is not None:
            path = [*path[: len(found["indent"]) // 2], found["key"]]
            yield ".".join(path), found["value"].strip("'\" "), found["comment"] or ""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
