"""How many files a process may have open, and how many connections in real time need."""

from __future__ import annotations

import math
import sys

from harness.config import Cell, Experiment
from harness.errors import UserError

#: Files that are open besides connections.
SPARE = 64


def check_open_files(experiment: Experiment) -> None:
    """Make sure that the connections of the busiest cell can be open at once, of the clients and of a server of ours.

    The limit of this process, and of all that it starts, is raised as far as the system lets it. Raises UserError with
    the command to raise it further.
    """
    if experiment.clock == "virtual":
        return
    cell = max(experiment.cells, key=connections)
    needed = connections(cell) + SPARE
    limit = raised(needed)
    if limit is not None and limit < needed:
        raise UserError(
            f"cell {cell.name} can have {connections(cell):,} connections open at once, and this system allows "
            f"{limit:,} open files in all: ulimit -n {needed}, or lower in_flight or batch_size"
        )


def connections(cell: Cell) -> int:
    """The most that a cell has open at once: one for each request in flight, and for each copy of it."""
    pool = int(min(cell.at_once, cell.strategy.connections))
    return pool * (1 + cell.strategy.needs_fresh_connections)


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
