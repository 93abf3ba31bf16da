"""How much there is to play, as the manifest of a run tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from typing import Any


@dataclass(frozen=True)
class CellPlan:
    """A cell: requests in a trial, and how many of them make a batch; all of them where they are not gathered."""

    name: str
    requests: int
    batch_size: int

    @property
    def batches(self) -> int:
        """Batches in a trial."""
        return -(-self.requests // self.batch_size)


@dataclass(frozen=True)
class Plan:
    """What a run is made of: every cell is played so many `trials`."""

    experiment: str
    clock: str
    trials: int
    cells: tuple[CellPlan, ...]

    @property
    def requests_per_trial(self) -> int:
        """Requests of all cells in one trial."""
        return sum(cell.requests for cell in self.cells)

    @property
    def requests(self) -> int:
        """Requests of all cells and trials."""
        return self.trials * self.requests_per_trial

    @property
    def short_names(self) -> Mapping[str, str]:
        """For each cell the values of those axes in which cells differ, or its name where that cannot be told.

        Where there is no room for whole names, what is cut out of their middle would be what tells cells apart.
        """
        return self._short[1]

    @property
    def short_title(self) -> str:
        """What short names consist of."""
        return self._short[0]

    @cached_property
    def _short(self) -> tuple[str, Mapping[str, str]]:
        parts = {cell.name: [part.rpartition("=") for part in cell.name.split(",")] for cell in self.cells}
        axes = {tuple(axis for axis, *_ in found) for found in parts.values()}
        if len(self.cells) < 2 or len(axes) > 1:
            return "cell", {name: name for name in parts}
        columns = [{value for *_, value in column} for column in zip(*parts.values(), strict=True)]
        differ = [len(values) > 1 for values in columns]
        names = {name: ",".join(compress((value for *_, value in found), differ)) for name, found in parts.items()}
        # The strategy is the one axis whose name stands nowhere.
        return ",".join(compress((axis or "strategy" for axis in next(iter(axes))), differ)), names


def plan_of(manifest: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> Plan:
    """The plan in a manifest; without seeds there, the number of trials is that of the settings, or 1."""
    trials = len(manifest.get("seeds") or ())
    if not trials:
        settings = (config or {}).get("trials")
        trials = settings if isinstance(settings, int) else 1
    cells = tuple(_cell(about) for about in manifest["cells"])
    return Plan(str(manifest["experiment"]), str(manifest["clock"]), trials, cells)


def _cell(about: Mapping[str, Any]) -> CellPlan:
    requests = max(1, int(about["requests_per_trial"]))
    gathers = about.get("strategy", {}).get("dispatch", "gather") == "gather" and not about.get("arrivals")
    size = int(about.get("batch_size") or requests) if gathers else requests
    return CellPlan(str(about["cell"]), requests, max(1, size))
