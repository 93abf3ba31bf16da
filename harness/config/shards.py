"""Into how many parts the requests of a trial are cut."""

from __future__ import annotations

from collections.abc import Sequence

from harness import engines
from harness.config.schema import Cell, Experiment, Settings
from harness.errors import UserError

#: Dispatches whose requests can be shared out. The others wait for whole batches, or adapt one limit for all.
SHARED = frozenset({"window", "open"})


def shards_of(experiment: Experiment, cell: Cell, workers: int) -> int:
    """Into how many shards the trials of a cell are cut, where the engine has so many workers.

    `shards: auto` is one for each worker in real time, as far as there is work for them; in virtual time it is one,
    since results must not depend on the machine.
    """
    shards = experiment.settings.shards
    if shards != "auto":
        return shards
    if experiment.clock == "virtual" or cell.strategy.dispatch not in SHARED:
        return 1
    return min(workers, _most(cell))


def check_shards(settings: Settings, clock: str, cells: Sequence[Cell]) -> None:
    """Raises UserError where the trials cannot be cut and played as the settings say."""
    if clock == "real" and settings.engine not in engines.SYNCHRONISED:
        raise UserError(
            f"engine={settings.engine} needs clock=virtual: in real time its workers could not begin at one instant; "
            "use engine=processes or ray"
        )
    target = settings.target
    if clock == "real" and settings.cluster.address is not None and target.kind == "mock" and not target.base_url:
        raise UserError(
            f"engine={settings.engine} with clock=real needs target.base_url: the run's own mock server listens on "
            "this machine alone; start one that the cluster's workers reach, or leave out cluster.address"
        )
    shards = settings.shards
    if shards in {"auto", 1}:
        return
    if clock == "real" and settings.engine == "local":
        raise UserError(f"shards={shards} with clock=real needs engine=processes or ray: a process plays each shard")
    for cell in cells:
        if cell.strategy.dispatch not in SHARED:
            raise UserError(
                f"shards={shards} needs dispatch=window: with dispatch={cell.strategy.dispatch} the requests of cell "
                f"{cell.name} cannot be shared out; leave shards out"
            )
        if isinstance(shards, int) and shards > _most(cell):
            raise UserError(
                f"shards={shards}: cell {cell.name} has {len(cell.workload):,} requests, {cell.strategy.in_flight:,} "
                "of them in flight; use no more shards than either"
            )


def _most(cell: Cell) -> int:
    """Every shard has a request, and room for one in flight."""
    return min(len(cell.workload), cell.strategy.in_flight)
