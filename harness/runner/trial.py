"""One trial of one cell: batch after batch, a client for each, or one window over all of its requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from harness.attempts import Play
from harness.config import Cell, Experiment
from harness.foresight import foreseeable, with_foresight
from harness.openai_adapter import Endpoint, open_client
from harness.records import Outcome, Request
from harness.runner.dispatch import gather, window
from harness.runner.listener import Listener
from harness.runner.paced import paced
from harness.runner.targets import Target
from harness.runner.warmup import warm_up
from harness.strategies import memory_of
from harness.strategies.limiters import limiter

if TYPE_CHECKING:
    from openai import AsyncOpenAI

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

    def left(self, cell: str, trial: int, batch: Sequence[Request], *, whole: bool) -> Sequence[Request]:
        """What of a batch still needs playing: `whole` batches are played again unless all of them is on disk."""
        if self._replays:
            return batch
        missing = [request for request in batch if (cell, trial, request.index) not in self._recorded]
        return batch if whole and missing else missing

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
    return [(cell.name, trial, number) for number in range(len(cell.workload))]


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
        self._memory = memory_of(self._strategy)
        self._profile = cell.profile.scaled(experiment.settings.time_scale)
        # Only the mock that plays this very profile can be foreseen.
        settings = experiment.settings.target
        own = settings.kind == "mock" and settings.base_url is None
        self._foreseeable = own and foreseeable(cell.profile)
        self._origin = 0.0
        self.requests = len(cell.workload)

    async def main(self) -> None:
        """Release the requests as the strategy's dispatch says. Raises TrialLimitError."""
        batches = self._batches()
        self._listener.trial_started(
            cell=self._cell.name, trial=self._trial, trials=self._experiment.trials, batches=len(batches)
        )
        late: list[int] = []
        scope = f"{self._trial}/{self._cell.name}"
        async with self._target.endpoint(seed=self._seed, scope=scope) as endpoint:
            self._origin = asyncio.get_running_loop().time()
            for number, requests in enumerate(batches):
                left = self._ledger.left(self._cell.name, self._trial, requests, whole=not self._slides)
                if not left:
                    continue
                self._listener.batch_started(batch=number, requests=len(left))
                if not await self._batch(number, left, endpoint):
                    late.append(number + 1)
        if late:
            raise TrialLimitError(
                f"batch {', '.join(map(str, late))} hit batch_limit_s="
                f"{self._experiment.settings.batch_limit_s:g}; its open requests are recorded as unfinished"
            )

    @property
    def _gathers(self) -> bool:
        return self._strategy.dispatch == "gather"

    @property
    def _slides(self) -> bool:
        """Whether a request begins when another one ends, so that what is missing of a trial can be played alone."""
        return not self._gathers and self._cell.workload.arrivals is None

    def _batches(self) -> Sequence[Sequence[Request]]:
        """What is awaited together: slices under `gather`, otherwise all."""
        return self._cell.workload.slices(self._cell.batch_size if self._gathers else self.requests)

    def _schedule(self, requests: Sequence[Request], origin: float) -> Iterator[tuple[Request, float]]:
        """Each request with the instant at which it is due: of a workload's arrivals, or of a staggered batch.

        `requests` are some of the trial's, in order; each keeps the instant that it has among all of them.
        """
        workload, scale = self._cell.workload, self._experiment.settings.time_scale
        if workload.arrivals is None:
            gap = self._strategy.stagger_s / len(requests)
            yield from ((request, origin + place * gap) for place, request in enumerate(requests))
            return
        due = enumerate(workload.instants(self._seed))
        for request in requests:
            at_s = next(at_s for number, at_s in due if number == request.index)
            yield request, origin + at_s * scale

    async def _batch(self, number: int, requests: Sequence[Request], endpoint: Endpoint) -> bool:
        """Play one batch; False when its limit cut it short."""
        strategy, limit_s = self._strategy, self._experiment.settings.batch_limit_s
        self._memory.release(len(requests))
        async with AsyncExitStack() as stack:

            async def opened(*, reuse: bool) -> AsyncOpenAI:
                client = open_client(
                    endpoint,
                    max_retries=strategy.sdk_retries,
                    max_connections=strategy.max_connections,
                    reuse=reuse,
                    transport=strategy.transport,
                )
                return await stack.enter_async_context(client)

            client = await opened(reuse=True)
            fresh = await opened(reuse=False) if strategy.needs_fresh_connections else None

            def start(request: Request, wanted: float | None = None) -> Play:
                return Play(
                    client,
                    request,
                    strategy,
                    endpoint,
                    origin=self._origin,
                    wanted=wanted,
                    memory=self._memory,
                    fresh=fresh,
                    experiment=self._experiment.name,
                    cell=self._cell.name,
                    trial=self._trial,
                    seed=self._seed,
                    batch=number,
                )

            await self._warm_up(client, endpoint)
            limits = limiter(strategy)
            if self._cell.workload.arrivals is not None:
                schedule = self._schedule(requests, self._origin)
                return await paced(schedule, start, self._keep, limits, limit_s=limit_s)
            if limits is None and strategy.stagger_s:
                schedule = self._schedule(requests, asyncio.get_running_loop().time())
                return await paced(schedule, start, self._keep, None, limit_s=limit_s)
            if limits is None:
                return await gather(requests, start, self._keep, limit_s=limit_s)
            limit_s *= len(self._cell.workload.slices(self._cell.batch_size))
            return await window(requests, start, self._keep, limits, limit_s=limit_s, stagger_s=strategy.stagger_s)

    async def _warm_up(self, client: AsyncOpenAI, endpoint: Endpoint) -> None:
        """Open connections by requests for one token that are not recorded; the trial's time begins after them."""
        count = self._cell.workload.warmup
        if count:
            await warm_up(client, self._cell.workload.requests[0], endpoint, count)
            self._origin = asyncio.get_running_loop().time()

    def _keep(self, play: Play, outcome: Outcome) -> None:
        if self._foreseeable:
            stream = self._strategy.stream
            outcome = with_foresight(outcome, play.request, self._profile, stream=stream)
        self._ledger.add(outcome)
