"""One shard of a trial in real time: what its process does, and what it leaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from harness.config import Experiment
from harness.engines import Stage, Task
from harness.records import Outcome
from harness.runner.lag import LoopLag
from harness.runner.listener import Silent
from harness.runner.recorded import Recorded
from harness.runner.targets import Target
from harness.runner.tasks import cell_of, played
from harness.runner.trial import Ledger, Trial

#: Seconds for which requests that ended are gathered before they are told: a message for each would cost more.
GATHER_S = 0.05


@dataclass(frozen=True)
class Began:
    """A batch of `requests` requests is released by a shard."""

    batch: int
    requests: int


@dataclass(frozen=True)
class Ended:
    """How a shard ended: why it could not be played to its end, if so, and how late its loop was."""

    reason: str | None
    late: list[float]


def play_shard(experiment: Experiment, target: Target, task: Task, stage: Stage) -> Ended:
    """Play a task in this process, together with others, and tell of each request soon after it ended."""
    cell = cell_of(experiment, task)
    group, lag = _Group(stage.tell), LoopLag()
    ledger = Ledger(task, Recorded(), group.add, replays=False)

    async def begin() -> float:
        begins = await stage.begin()
        # What was late before does not count.
        lag.forget()
        return asyncio.get_running_loop().time() - (time.monotonic() - begins)

    trial = Trial(experiment, cell, task, target, ledger=ledger, listener=_Relay(stage.tell), begin=begin, lag=lag)
    reason = played(partial(lag.around, trial.main), trial.requests, experiment)
    group.tell()
    return Ended(reason, lag.late)


class _Group:
    """Gathers outcomes for a moment."""

    def __init__(self, tell: Callable[[Any], None]) -> None:
        self._tell = tell
        self._outcomes: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        if not self._outcomes:
            asyncio.get_running_loop().call_later(GATHER_S, self.tell)
        self._outcomes.append(outcome)

    def tell(self) -> None:
        if self._outcomes:
            told, self._outcomes = self._outcomes, []
            self._tell(told)


class _Relay(Silent):
    """Passes on what whoever watches cannot see in the outcomes."""

    def __init__(self, tell: Callable[[Any], None]) -> None:
        self._tell = tell

    def batch_started(self, *, batch: int, requests: int) -> None:
        self._tell(Began(batch, requests))
