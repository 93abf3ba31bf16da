"""`harness list`."""

from __future__ import annotations

import argparse

from harness.cli.commands.base import Command, add_json
from harness.cli.output import say, say_json


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser, "names and descriptions")


def _handle(arguments: argparse.Namespace) -> int:
    from harness.config import catalogue

    groups = catalogue()
    if arguments.json:
        say_json(groups)
        return 0
    width = max((len(name) for entries in groups.values() for name in entries), default=0)
    blocks = [
        "\n".join([f"{group}:", *(f"  {name:<{width}}  {text}".rstrip() for name, text in entries.items())])
        for group, entries in groups.items()
    ]
    say("\n\n".join(blocks))
    return 0


LIST = Command("list", "experiments, strategies, profiles, faults, workloads", ("harness list",), _handle, _arguments)
