"""`harness doctor`."""

from __future__ import annotations

import argparse

from harness.cli.commands.base import Command, add_json


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser, "the findings")


def _handle(arguments: argparse.Namespace) -> int:
    from harness.cli.findings import show
    from harness.doctor import examine

    return show(examine(), as_json=arguments.json)


DOCTOR = Command(
    "doctor",
    "see whether everything works on this machine",
    ("harness doctor", "harness doctor --json"),
    _handle,
    _arguments,
    notes="It looks at versions, the key (never shown), the network, clocks and the machine,\n"
    "plays two requests, and says what to do where something is wrong.",
    exits={1: "something does not work (warnings alone exit 0)"},
)
