"""The subcommands, a module for each or for a pair, in the order in which a user meets them."""

from harness.cli.commands.base import Command
from harness.cli.commands.compare import BASELINE, COMPARE
from harness.cli.commands.completion import COMPLETION
from harness.cli.commands.doctor import DOCTOR
from harness.cli.commands.files import NEW, PUBLISH
from harness.cli.commands.list import LIST
from harness.cli.commands.report import REPORT
from harness.cli.commands.run import RUN
from harness.cli.commands.serve import SERVE
from harness.cli.commands.tune import TUNE
from harness.cli.commands.watch import WATCH

COMMANDS: tuple[Command, ...] = (
    RUN, WATCH, REPORT, COMPARE, BASELINE, TUNE, SERVE, LIST, NEW, PUBLISH, DOCTOR, COMPLETION,
)  # fmt: skip

__all__ = ["COMMANDS", "Command"]
