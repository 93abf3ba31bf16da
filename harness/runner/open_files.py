"""How many files a process may have open, and how many connections in real time need."""

from __future__ import annotations

import math
import sys

from harness.config import Cell, Experiment
from harness.errors import UserError
from harness.runner.core import processes_of_a_trial
from harness.strategies import SDK_POOL

#: Files that are open besides connections.
SPARE = 64


def check_open_files(experiment: Experiment) -> None:
    """Make sure that the connections of the busiest cell can be open at once, of the clients and of a server of ours.

    The limit of this process, and of all that it starts, is raised as far as the system lets it. Raises UserError with
    the command to raise it further.
    """
    if experiment.clock == "virtual":
        return
    clients = processes_of_a_trial(experiment)
    needed, cell = max(((connections(cell, clients), cell) for cell in experiment.cells), key=lambda pair: pair[0])
    limit = raised(needed + SPARE)
    if limit is not None and limit < needed + SPARE:
        raise UserError(
            f"cell {cell.name} can have {needed:,} connections open at once, and this system allows {limit:,} open "
            f"files in all: ulimit -n {needed + SPARE}, or lower {_lever(cell)}"
        )


def connections(cell: Cell, clients: int = 1) -> int:
    """The most that a cell has open at once, of all its clients: one for each attempt, as far as there are so many.

    Where nothing but the pool limits the attempts, and the pool has no limit either, the SDK's is what is expected.
    """
    attempts, pool = cell.at_once, cell.strategy.connections
    if attempts is None:
        attempts = len(cell.workload) * (1 + cell.strategy.hedges)
        pool = SDK_POOL if pool == math.inf else pool
    return int(min(attempts, pool * clients)) * (1 + cell.strategy.needs_fresh_connections)


def _lever(cell: Cell) -> str:
    return "strategy.max_connections" if cell.at_once is None else "in_flight or batch_size"


def raised(needed: int) -> int | None:
    """Raise the limit of this process to so many files as far as is allowed: what it is then, None without one."""
    if sys.platform == "win32":
        return None
    import resource

    soft, hard = (_number(limit) for limit in resource.getrlimit(resource.RLIMIT_NOFILE))
    limit = max(soft, min(needed, hard))
    if limit > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(limit), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    return None if limit == math.inf else int(limit)


def allowed() -> int | None:
    """The most files that this process may open, if it asks for them; None without a limit."""
    if sys.platform == "win32":
        return None
    import resource

    hard = _number(resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    return None if hard == math.inf else int(hard)


def _number(limit: int) -> float:
    import resource

    return math.inf if limit == resource.RLIM_INFINITY else limit
