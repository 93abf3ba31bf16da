"""`trials: auto`: go on until every cell is known well enough.

In stages, so that the interval stays what it says. After a pilot of thirty trials the half width w of each interval, as
a share of what it is of, asks for n (w / wanted)^2 trials in all, as in C. Stein, "A two-sample test for a linear
hypothesis whose power is independent of the variance" (1945); a fifth more are played, so that hardly ever a third
stage is needed. Looking after every trial would end where the trials so far happen to agree: intervals would be too
narrow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.analysis import summarise
from harness.analysis.judged import judged
from harness.config import Experiment
from harness.engines import Engine
from harness.progress import unseen
from harness.runner.core import Working, run
from harness.runner.listener import Listener
from harness.runner.result import RunResult
from harness.storage import RunFolder

#: Further trials of a stage beyond what the interval asks for, and the fewest of them.
SPARE, FEWEST = 1.2, 15


@dataclass(frozen=True)
class Precision:
    """How well the cells of a run are known: half the interval as a share, of the one that is known worst.

    `width` is None where a cell has no interval, of the cell `worst`, None if every cell was given up.
    """

    worst: str | None
    width: float | None
    within: float

    @property
    def reached(self) -> bool:
        """Whether every interval is as narrow as wanted."""
        return self.worst is None or (self.width is not None and self.width <= self.within)

    @property
    def words(self) -> str:
        """How well the worst one is known."""
        known = "has no interval" if self.width is None else f"is known to +-{self.width:.2%}"
        return f"{self.worst} {known} (wanted {self.within:.2%})"

    def trials(self, so_far: int) -> int:
        """How many trials to go on to."""
        if self.width is None:
            return 2 * so_far
        return max(so_far + FEWEST, math.ceil(SPARE * so_far * (self.width / self.within) ** 2))


def precision(summary: Mapping[str, Any], metric: str, within: float) -> Precision:
    """How well the cells of a summary are known in `metric`.

    That is `total`, which in the open loop is the mean latency, or `speedup`, which the reference has not.
    """
    widths: dict[str, float | None] = {}
    for cell in summary["cells"]:
        if metric == "total":
            widths[cell["cell"]] = _half(judged(cell))
        elif cell["speedup"]["reference"] != cell["cell"]:
            widths[cell["cell"]] = _half(cell["speedup"])
    worst = max(widths, key=lambda name: math.inf if (width := widths[name]) is None else width, default=None)
    return Precision(worst, None if worst is None else widths[worst], within)


def _half(found: Mapping[str, Any]) -> float | None:
    pair, center = found["ci95"], found["mean"]
    return (pair[1] - pair[0]) / 2 / center if pair and center else None


def run_until_precise(
    experiment: Experiment,
    folder: RunFolder,
    listener: Listener | None = None,
    *,
    tell: Callable[[str], None] = lambda _: None,
    reading: Working = unseen,
    cluster: Engine | None = None,
) -> tuple[RunResult, Experiment]:
    """Play an experiment as often as its settings say: how the run ended, and the experiment with its trials.

    `tell` hears how well the cells are known after each stage of `trials: auto`; `reading` shows how far
    the records have been read; `cluster` is what `cluster_of` has joined.
    """
    while True:
        result = run(experiment, folder, listener, reading=reading, cluster=cluster)
        if experiment.settings.trials != "auto" or result.exit_code == 130 or result.stopped:
            return result, experiment
        known = _known(experiment, folder, result, reading)
        more = min(known.trials(experiment.trials), experiment.most_trials)
        if known.reached or more == experiment.trials:
            tell(f"after {experiment.trials} trials {_conclusion(known)}")
            folder.update_manifest(precision={"worst": known.worst, "width": known.width, "within": known.within})
            return result, experiment
        tell(f"after {experiment.trials} trials {known.words}: going on to {more} trials")
        experiment = experiment.going_on_to(more)
        folder.update_manifest(seeds=list(experiment.seeds))


def _known(experiment: Experiment, folder: RunFolder, result: RunResult, reading: Working) -> Precision:
    wanted = experiment.settings.precision
    with reading() as tick:
        summary = summarise(folder, bounds=False, progress=tick)
    # What was given up will not be known better.
    played = [cell for cell in summary["cells"] if cell["cell"] not in result.failed_cells]
    return precision({**summary, "cells": played}, wanted.metric, wanted.within)


def _conclusion(known: Precision) -> str:
    if known.worst is None:
        return "no cell is left to be known better"
    if known.reached:
        return f"every cell is known to +-{known.width:.2%} or better (wanted {known.within:.2%})"
    return f"{known.words}, and precision.max_trials or budget.max_requests allows no more"
