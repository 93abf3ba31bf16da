"""How much there is to play, as the manifest of a run tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    gathers = about.get("strategy", {}).get("dispatch", "gather") == "gather"
    size = int(about.get("batch_size") or requests) if gathers else requests
    return CellPlan(str(about["cell"]), requests, max(1, size))
