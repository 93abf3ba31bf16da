"""Whether the client has as many connections as it has requests under way."""

from __future__ import annotations

from dataclasses import dataclass

from harness.config import Experiment
from harness.runner import processes_of_a_trial


@dataclass(frozen=True)
class Pool:
    """A cell that can have `wanted` attempts under way at once over no more than `connections`."""

    cell: str
    wanted: int
    connections: int


def pool(experiment: Experiment) -> Pool | None:
    """The cell in which most attempts wait for a connection that nobody limited on purpose; None where none has to.

    Of cells that say how many attempts are under way at once. In real time alone; in virtual time there are connections
    only where a strategy asks for a pool.
    """
    if experiment.clock == "virtual":
        return None
    clients = processes_of_a_trial(experiment)
    found = [
        Pool(cell.name, cell.at_once, int(cell.strategy.connections * clients))
        for cell in experiment.cells
        if cell.strategy.max_connections is None and cell.at_once is not None
    ]
    short = [one for one in found if one.wanted > one.connections]
    return max(short, key=lambda one: one.wanted - one.connections, default=None)
