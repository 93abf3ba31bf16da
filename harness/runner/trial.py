"""One trial of one cell: the article's loop, batch after batch, a client for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from harness.attempts import Play
from harness.config import Cell, Experiment
from harness.openai_adapter import Endpoint, open_client
from harness.records import Outcome, Request
from harness.runner.listener import Listener
from harness.runner.targets import Target

Key = tuple[str, int, int]


class TrialLimitError(Exception):
    """A batch was still under way at its limit; what it had not answered is recorded as unfinished."""


class Ledger:
    """What is on disk of one trial of one cell, and what still has to be played.

    In virtual time an interrupted trial is replayed from its start (`replays`): equal seeds give equal records, so the
    part that is on disk is met again, checked and not written twice. In real time the batches that are whole are kept
    and the others played again; of two records of one request the later counts.
    """

    def __init__(
        self,
        cell: Cell,
        trial: int,
        recorded: Mapping[Key, Outcome],
        keep: Callable[[Outcome], None],
        *,
        replays: bool,
    ) -> None:
        self._recorded = {key: recorded[key] for key in _keys(cell, trial) if key in recorded}
        self._keep = keep
        self._replays = replays

    @staticmethod
    def complete(cell: Cell, trial: int, recorded: Mapping[Key, Outcome]) -> bool:
        """Whether every request of a trial is on disk."""
        return all(key in recorded for key in _keys(cell, trial))

    def holds(self, cell: str, trial: int, batch: list[Request]) -> bool:
        """Whether this batch needs no playing because all of it is on disk."""
        return not self._replays and all((cell, trial, request.index) in self._recorded for request in batch)

    def add(self, outcome: Outcome) -> None:
        """Append an outcome, unless a replay met it again.

        Raises RuntimeError when the replay differs from what is on disk.
        """
        before = self._recorded.get(outcome.key) if self._replays else None
        if before is None:
            self._keep(outcome)
        elif before != outcome:
            raise RuntimeError(
                f"request {outcome.request} of trial {outcome.trial} came out differently when the run was resumed: "
                "the code or its dependencies changed since; start a new run"
            )


def _keys(cell: Cell, trial: int) -> list[Key]:
    return [(cell.name, trial, request.index) for request in cell.workload.requests]


class Trial:
    """Plays the batches of one trial of one cell, in order."""

    def __init__(
        self, experiment: Experiment, cell: Cell, trial: int, target: Target, *, ledger: Ledger, listener: Listener
    ) -> None:
        self._experiment = experiment
        self._cell = cell
        self._trial = trial
        self._seed = experiment.settings.seed + trial
        self._target = target
        self._ledger = ledger
        self._listener = listener
        self._strategy = cell.strategy.scaled(experiment.settings.time_scale)
        self._origin = 0.0
        self.requests = len(cell.workload.requests)

    async def main(self) -> None:
        """Release one batch after the other, as the published evaluation does. Raises TrialLimitError."""
        batches = self._cell.workload.slices(self._cell.batch_size)
        self._listener.trial_started(
            cell=self._cell.name, trial=self._trial, trials=self._experiment.settings.trials, batches=len(batches)
        )
        late: list[int] = []
        scope = f"{self._trial}/{self._cell.name}"
        async with self._target.endpoint(seed=self._seed, scope=scope) as endpoint:
            self._origin = asyncio.get_running_loop().time()
            for number, requests in enumerate(batches):
                if self._ledger.holds(self._cell.name, self._trial, requests):
                    continue
                self._listener.batch_started(batch=number, requests=len(requests))
                if not await self._gather(number, requests, endpoint):
                    late.append(number + 1)
        if late:
            raise TrialLimitError(
                f"batch {', '.join(map(str, late))} hit batch_limit_s="
                f"{self._experiment.settings.batch_limit_s:g}; its open requests are recorded as unfinished"
            )

    async def _gather(self, number: int, requests: list[Request], endpoint: Endpoint) -> bool:
        """Play one batch; False when its limit cut it short."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with open_client(endpoint, max_retries=self._strategy.max_retries) as client:
            plays = [
                Play(
                    client,
                    request,
                    self._strategy,
                    endpoint,
                    experiment=self._experiment.name,
                    cell=self._cell.name,
                    trial=self._trial,
                    seed=self._seed,
                    batch=number,
                    origin=self._origin,
                )
                for request in requests
            ]
            tasks = [loop.create_task(self._one(play)) for play in plays]
            try:
                async with asyncio.timeout_at(start + self._experiment.settings.batch_limit_s):
                    await asyncio.gather(*tasks)
            except TimeoutError:
                await asyncio.gather(*tasks, return_exceptions=True)
                for play, task in zip(plays, tasks, strict=True):
                    if task.cancelled():
                        self._ledger.add(play.unfinished())
                return False
            except BaseException:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                raise
        return True

    async def _one(self, play: Play) -> None:
        self._ledger.add(await play.run())
