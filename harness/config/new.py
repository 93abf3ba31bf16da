"""An experiment to start from, written where `harness run` finds it."""

from __future__ import annotations

import re
from pathlib import Path

from harness.config.files import members
from harness.errors import UserError

_TEMPLATE = """\
# @package _global_
# Question: what do you want to know?
# Command:  harness run {name}
question: What do you want to know?

# What the mock does and which requests are sent; `harness list` names what there is.
defaults:
  - override /profile: article   # your own latencies: recorded, and profile.recording.file=latencies.csv
  - override /workload: article  # ten batches of 100 requests

# How often each cell is played, with equal seeds for all cells: 20 or more for a verdict, or auto, which goes on until
# every total is known to 5 % (precision.within).
trials: 10

# One cell for each combination. Any setting of a strategy can be an axis: timeout, stream, max_retries, dispatch, ...
matrix:
  strategy: [article_none, article_10, adaptive]
  # dispatch: [gather, window]   # batch by batch, or 100 requests in flight all the time
  # exclude: [{{strategy: article_none, dispatch: window}}]

# The cell that the others are compared with.
reference: article_none
"""


def new_experiment(name: str) -> Path:
    """Write ./conf/experiment/NAME.yaml to start from, and return its path.

    Raises UserError for a name that is taken or makes no name, or when the file cannot be written.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UserError(f"'{name}' makes no name of an experiment; use small letters, digits and underscores")
    known = members("experiment").get(name)
    if known is not None:
        raise UserError(f"there is an experiment named '{name}' already: {known}")
    path = Path("conf") / "experiment" / f"{name}.yaml"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_TEMPLATE.format(name=name), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path} ({error.strerror})") from None
    return path
