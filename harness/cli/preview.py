"""`harness run --dry-run`: what a run comes to, without playing it."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

from harness.cli.output import say, say_json, tell, width
from harness.config import Experiment
from harness.errors import BudgetError

#: How the lines of an estimate look on a terminal.
STYLES = {r"(?m)^  [\w.]+ ": "cyan", r"(?m)^\w+: .*$": "bold"}


def preview(experiments: Sequence[Experiment], *, as_json: bool) -> int:
    """Print the estimate of each run, and whether its budget would refuse it; 0, since nothing was played."""
    from harness.estimate import estimate

    found = []
    for experiment in experiments:
        refused = refusal(experiment)
        if as_json:
            about = {"experiment": experiment.name, "refused": refused, **estimate(experiment).to_dict()}
            found.append(about)
            continue
        say(text(experiment, width()), STYLES)
        if refused:
            tell(f"it would be refused: {refused}")
    if as_json:
        say_json(found[0] if len(found) == 1 else found)
    return 0


def text(experiment: Experiment, columns: int | None) -> str:
    """The estimate of a run below a line that says what it is."""
    from harness.estimate import estimate
    from harness.estimate.text import lines

    title = f"{experiment.name}: {experiment.describe()}"
    shown = title if columns is None else fill(title, columns, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join([shown, *lines(estimate(experiment), columns)])


def refusal(experiment: Experiment) -> str | None:
    """Why the budget would refuse a run; None when it would not."""
    from harness.runner.budget import check

    try:
        check(experiment, confirm=None)
    except BudgetError as error:
        return str(error)
    return None
