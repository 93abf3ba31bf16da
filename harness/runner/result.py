"""How a run ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RunResult:
    """How a run ended: `failed_cells` names the cells that were given up, with the reason."""

    failed_cells: dict[str, str] = field(default_factory=dict)
    stopped: str | None = None
    interrupted: bool = False
    #: How late the mock's server was by its own log, in seconds; None without a server of its own.
    server_timing: dict[str, Any] | None = None
    #: How late the client's own event loop was, in seconds; None in virtual time, where nothing is.
    client_timing: dict[str, Any] | None = None
    #: Processes that died while they played in real time, by cell.
    replaced: Counter[str] = field(default_factory=Counter)
    #: The engine, how many workers it had, and into how many shards trials were cut, by cell, where they were.
    played_by: dict[str, Any] | None = None

    @property
    def exit_code(self) -> int:
        """0 when every cell was played, 3 when some were given up, 130 when it was interrupted."""
        if self.interrupted:
            return 130
        return 3 if self.failed_cells or self.stopped else 0

    @property
    def status(self) -> str:
        """One word for the manifest."""
        return {0: "complete", 3: "incomplete", 130: "interrupted"}[self.exit_code]
