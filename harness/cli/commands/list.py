"""`harness list`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from harness.cli.commands.base import Command, add_json
from harness.cli.output import say, say_json, width
from harness.errors import UserError, did_you_mean

#: How a member of each group is chosen.
_USE = {
    "experiments": "harness run NAME",
    "strategies": "strategy=NAME or 'matrix.strategy=[NAME,NAME]'",
    "profiles": "profile=NAME",
    "faults": "fault=NAME or 'matrix.fault=[none,NAME]'",
    "workloads": "workload=NAME",
}
_SINGULAR = {"strategy": "strategies"} | {name.removesuffix("s"): name for name in _USE if name != "strategies"}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("group", nargs="?", metavar="GROUP", help=f"one of {', '.join(_USE)} (default: all)")
    add_json(parser, "names and descriptions")


def _handle(arguments: argparse.Namespace) -> int:
    group = _SINGULAR.get(arguments.group, arguments.group)
    if group is not None and group not in _USE:
        raise UserError(f"nothing to list under '{group}'{did_you_mean(group, [*_USE, *_SINGULAR])}")
    from harness.presets import catalogue

    groups = {name: entries for name, entries in catalogue().items() if group in {None, name}}
    if arguments.json:
        say_json(groups)
    else:
        say(listing(groups, width()), {r"(?m)^\w+:": "bold", r"(?m)^  [\w-]+": "cyan"})
    return 0


def listing(groups: Mapping[str, Mapping[str, str]], columns: int | None) -> str:
    """The groups, a line for each member; lines longer than so many columns end in an ellipsis."""
    longest = max((len(name) for entries in groups.values() for name in entries), default=0)
    blocks = [
        [f"{group}:  ({_USE[group]})", *(f"  {name:<{longest}}  {text}".rstrip() for name, text in entries.items())]
        for group, entries in groups.items()
    ]
    return "\n\n".join("\n".join(_cut(line, columns) for line in block) for block in blocks)


def _cut(line: str, columns: int | None) -> str:
    if columns is None or len(line) <= columns:
        return line
    return f"{line[: max(1, columns - 1)].rstrip()}…"


LIST = Command(
    "list",
    "experiments, strategies, profiles, faults, workloads",
    ("harness list", "harness list strategies", "harness list faults --json"),
    _handle,
    _arguments,
    words=tuple(_USE),
)
