"""`harness completion`."""

from __future__ import annotations

import argparse

from harness.cli.commands.base import Command, one_of
from harness.cli.output import say

SHELLS = ("bash", "zsh", "fish")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", metavar="SHELL", type=one_of("shell", SHELLS), help=", ".join(SHELLS))


def _handle(arguments: argparse.Namespace) -> int:
    from harness.cli.complete.scripts import SCRIPTS

    say(SCRIPTS[arguments.shell].rstrip("\n"))
    return 0


COMPLETION = Command(
    "completion",
    "completion of names, keys and values in your shell",
    (
        "source <(harness completion bash)     # in ~/.bashrc",
        "source <(harness completion zsh)      # in ~/.zshrc, behind compinit",
        "harness completion fish | source      # in ~/.config/fish/config.fish",
    ),
    _handle,
    _arguments,
    notes="Then: harness run art<Tab>, profile=<Tab>, 'matrix.strategy=[<Tab>; ./conf counts too.",
    words=SHELLS,
)
