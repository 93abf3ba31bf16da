"""What to type after a run: one command, chosen by what happened. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis.silent import answered_none
from harness.analysis.warnings import FEW_TRIALS

#: Trials that are enough for most verdicts, and how many times as many where they were not.
ENOUGH, MORE = 20, 4
#: Values of the axis `timeout` that make a sweep.
SWEEP = 3


@dataclass(frozen=True)
class Budget:
    """HTTP attempts that a run is `allowed`, and those that a trial of it can make at most."""

    allowed: int
    a_trial: int


def resume(words: Sequence[str], folder: Path, **changes: object) -> str:
    """The command that goes on with a run in its folder, with other values for some of its settings."""
    replaced = ("out=", "resume=", *(f"{key}=" for key in changes))
    if "trials" in changes:
        # With a number of them it would be without effect.
        replaced = (*replaced, "precision.")
    kept = [word for word in words if not word.startswith(replaced)]
    settings = [f"{key}={value}" for key, value in changes.items()]
    return shlex.join(["harness", "run", *kept, *settings, _word("out", folder), "resume=true"])


def _word(key: str, value: object) -> str:
    """A setting as Hydra reads it: what is not plain stands in quotes of its own."""
    text = str(value)
    if re.fullmatch(r"[\w./:+%@~ -]*", text, re.ASCII):
        return f"{key}={text}"
    escaped = text.replace("'", "\\'")
    return f"{key}='{escaped}'"


def next_step(
    summary: Mapping[str, Any], words: Sequence[str], folder: Path, *, budget: Budget | None = None
) -> tuple[str, str] | None:
    """The next command after a finished run, and why; None where nothing was answered, which more trials do not mend.

    A `budget` is raised where the trials need more.

    Few trials ask for more of them, which are added to those there are. A sweep of timeouts asks for the best one, and
    what is significant can be held on to; what is not needs more trials, too.
    """
    cells = summary["cells"]
    if all(map(answered_none, cells)):
        return None
    trials = min(cell["trials"] for cell in cells)

    def played(times: int) -> str:
        needed = 0 if budget is None else budget.a_trial * times
        raised = {"budget.max_requests": needed} if budget is not None and needed > budget.allowed else {}
        return resume(words, folder, trials=times, **raised)

    if trials < FEW_TRIALS:
        return played(ENOUGH), "1 trial decides little" if trials == 1 else f"{trials} trials decide little"
    timeouts = {repr(cell["axes"].get("timeout")) for cell in cells if "timeout" in cell["axes"]}
    if len(timeouts) >= SWEEP:
        return shlex.join(["harness", "tune", str(folder)]), "which timeout these latencies argue for"
    compared = [cell["speedup"]["significant"] for cell in cells if cell["speedup"].get("reference") != cell["cell"]]
    if compared and not any(compared):
        return played(MORE * trials), "no difference is significant yet"
    return shlex.join(["harness", "baseline", str(folder), "ci/baseline.json"]), "hold later runs against this one"
