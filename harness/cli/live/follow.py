"""The state of a run that another process plays, from what it leaves in its folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from harness.cli.live.plain import plain
from harness.cli.live.plan import Plan, plan_of
from harness.cli.live.state import State
from harness.cli.live.tail import Tail
from harness.errors import UserError
from harness.progress import Progress, nobody
from harness.runner.lock import is_held
from harness.storage import RunFolder

RUNNING, KILLED = "running", "killed"
#: Seconds without anything new after which is looked whether there is a process that plays.
SILENCE_S = 10.0


class Followed:
    """A run folder that is looked at again and again; times are those of the day, in seconds.

    Nothing but records and the manifest tell of the run: its latest batch is that of the latest record.
    """

    def __init__(self, folder: RunFolder, *, clock: Callable[[], float] = time.time) -> None:
        """Raises UserError where there are no records to follow."""
        if not folder.has_records:
            raise UserError(f"{folder.path} holds results without records: its run is over (harness report shows it)")
        self.folder = folder
        self._clock = clock
        self._tail = Tail(folder.parts)
        self.manifest = folder.manifest()
        self._begin()

    @property
    def status(self) -> str:
        """`running`, or how it ended: a process that was killed never says so, and no process holds its folder."""
        said = str(self.manifest.get("status", RUNNING))
        silent = self.state.silent_s(self._clock()) >= SILENCE_S
        return KILLED if said == RUNNING and silent and is_held(self.folder) is False else said

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self.status == RUNNING

    @property
    def now(self) -> float:
        """The time of day, or when the run ended."""
        ended = _time_of(self.manifest.get("ended"))
        return self._clock() if self.is_running or ended is None else ended

    def look(self, progress: Progress = nobody) -> None:
        """Take in what is new; `progress` hears how much of the records has been read.

        Raises UserError where something is damaged, or the folder is gone.
        """
        try:
            # How it ended is the last thing that a run writes: whoever reads that before the records misses none.
            self.manifest = self.folder.manifest()
            if self._tail.was_replaced:
                self._begin()
            self._take_in(progress)
        except FileNotFoundError:
            raise UserError(f"{self.folder.path} is gone: there is nothing to watch any more") from None
        for cell, reason in self.manifest.get("failed_cells", {}).items():
            self.state.cell_failed(cell, str(reason))

    def to_dict(self) -> dict[str, Any]:
        """Where the run stands, as plain data."""
        return {"run": str(self.folder.path), "status": self.status, **plain(self.state, now=self.now)}

    def _begin(self) -> None:
        self.state = State(self._plan(), now=self._clock())
        #: When the run was continued, nothing says which records are older than that: they are not part of its pace.
        self._paced = self.manifest.get("resumed") is None
        started = _time_of(self.manifest.get("started"))
        if self._paced and started is not None:
            self.state.since = started

    def _take_in(self, progress: Progress) -> None:
        state, plan = self.state, self._plan()
        # What has lain there for a while was heard then.
        changed = self._tail.changed
        add = state.finished if self._paced else state.recall
        trials = plan.trials
        for outcome in self._tail.outcomes(progress):
            add(outcome, now=changed)
            trials = max(trials, outcome.trial + 1)
        self._paced = True
        # A run of unknown length goes on in stages, each of more trials.
        state.plan = replace(plan, trials=max(trials, state.plan.trials))

    def _plan(self) -> Plan:
        config: dict[str, Any] = {}
        if not self.manifest.get("seeds"):
            with suppress(OSError):
                config = self.folder.config()
        return plan_of(self.manifest, config)


def _time_of(text: object) -> float | None:
    with suppress(ValueError, TypeError):
        return datetime.fromisoformat(text).timestamp()  # type: ignore[arg-type]  # what is no text has no time
    return None
