"""One trial of one cell: batch after batch, a client for each, or one window over all of its requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.attempts import Play
from harness.config import Cell, Experiment
from harness.engines import Task
from harness.foresight import foreseeable, with_foresight
from harness.openai_adapter import Endpoint, open_client
from harness.records import Outcome, Request, rounded
from harness.runner.dispatch import gather, window
from harness.runner.lag import LoopLag
from harness.runner.listener import Listener
from harness.runner.paced import paced
from harness.runner.recorded import Key, Recorded
from harness.runner.targets import Target
from harness.runner.warmup import warm_up
from harness.strategies import memory_of
from harness.strategies.limiters import limiter
from harness.workload import Requests

if TYPE_CHECKING:
    from openai import AsyncOpenAI


class TrialLimitError(Exception):
    """A batch was still under way at its limit; what it had not answered is recorded as unfinished."""


class Ledger:
    """What is on disk of one trial of one cell, and what still has to be played.

    Of what is on disk a digest is held, not the outcomes.

    In virtual time an interrupted trial is replayed from its start (`replays`): equal seeds give equal records, so the
    part that is on disk is met again, checked and not written twice. In real time the batches that are whole are kept
    and the others played again, as another take: only records of the latest count. What is missing of a window is
    played as if it had gone on from its last end.
    """

    def __init__(
        self,
        task: Task,
        recorded: Recorded,
        keep: Callable[[Outcome], None],
        *,
        replays: bool,
    ) -> None:
        self._recorded = recorded
        self._done = task.done
        self._keep = keep
        self._replays = replays

    @staticmethod
    def complete(cell: Cell, task: Task, recorded: Recorded) -> bool:
        """Whether every request of a task is on disk, and those of a batch are of one take."""
        return all(key in recorded for key in _keys(cell, task)) and not torn(cell, task.trial, recorded)

    def left(self, cell: str, trial: int, number: int, batch: Requests, *, whole: bool) -> Requests:
        """What of a batch still needs playing: `whole` batches are played again unless all of them is on disk."""
        if self._replays or self._recorded.is_torn(cell, trial, number, len(batch)):
            return batch
        missing = [number for number in batch.numbers if not self._has(cell, trial, number)]
        return batch if whole and missing else batch.only(missing)

    def _has(self, cell: str, trial: int, number: int) -> bool:
        return number in self._done or (cell, trial, number) in self._recorded

    def add(self, outcome: Outcome) -> None:
        """Append an outcome, unless a replay met it again.

        Raises RuntimeError when the replay differs from what is on disk.
        """
        if not self._replays or outcome.key not in self._recorded:
            self._keep(outcome)
        elif not self._recorded.same(outcome):
            raise RuntimeError(
                f"request {outcome.request} of trial {outcome.trial} came out differently when the run was resumed: "
                "the code or its dependencies changed since; start a new run"
            )


def gathers(cell: Cell) -> bool:
    """Whether the requests of a batch begin together, and the next batch when all have ended."""
    return cell.strategy.dispatch == "gather"


def slides(cell: Cell) -> bool:
    """Whether a request begins when another one ends, so that what is missing of a trial can be played alone."""
    return not gathers(cell) and cell.workload.arrivals is None


def torn(cell: Cell, trial: int, recorded: Recorded) -> set[int]:
    """The requests of batches that are recorded in part of one take and in part of another."""
    batches = enumerate(cell.workload.slices(cell.batch_size)) if gathers(cell) else ()
    found = (batch for number, batch in batches if recorded.is_torn(cell.name, trial, number, len(batch)))
    return {number for batch in found for number in batch.numbers}


def _keys(cell: Cell, task: Task) -> Iterator[Key]:
    return ((cell.name, task.trial, number) for number in task.numbers(len(cell.workload)))


async def _now() -> float:
    return asyncio.get_running_loop().time()


def _staggered(requests: Sequence[Request], stagger_s: float) -> Iterator[tuple[Request, float]]:
    """Each request with the instant at which it is due, evenly over so many seconds from now on."""
    now, gap = asyncio.get_running_loop().time(), stagger_s / len(requests)
    return ((request, now + place * gap) for place, request in enumerate(requests))


class Trial:
    """Plays the batches of one trial of one cell, in order, or the shard of it that a task names."""

    def __init__(
        self,
        experiment: Experiment,
        cell: Cell,
        task: Task,
        target: Target,
        *,
        ledger: Ledger,
        listener: Listener,
        begin: Callable[[], Awaitable[float]] = _now,
        lag: LoopLag | None = None,
    ) -> None:
        """`begin` is awaited when all is prepared, and gives the instant from which the loop's time is counted.

        `lag` samples how late the loop is, where it can be.
        """
        self._experiment = experiment
        self._cell = cell
        self._task = task
        self._trial = trial = task.trial
        self._seed = experiment.settings.seed + trial
        cell.workload.prepare(self._seed)
        self._target = target
        self._ledger = ledger
        self._listener = listener
        shared = cell.strategy.shared(task.shard, task.shards)
        self._strategy = shared.scaled(experiment.settings.time_scale)
        self._memory = memory_of(self._strategy)
        self._profile = cell.profile.scaled(experiment.settings.time_scale)
        # Only the mock that plays this very profile can be foreseen.
        settings = experiment.settings.target
        own = settings.kind == "mock" and settings.base_url is None
        self._foreseeable = own and foreseeable(cell.profile)
        self._begin = begin
        self._lag = lag
        self._origin: float | None = None
        # What a worker that was lost had begun is begun anew, too.
        self._take = task.take + task.lost if gathers(cell) else 0
        self.requests = len(task.numbers(len(cell.workload)))

    async def main(self) -> None:
        """Release the requests as the strategy's dispatch says. Raises TrialLimitError."""
        batches = self._batches()
        late: list[int] = []
        # What a worker that was lost has asked for is asked for anew, not once more.
        scope = f"{self._trial}/{self._cell.name}" + f"/{self._task.lost}" * bool(self._task.lost)
        async with self._target.endpoint(seed=self._seed, scope=scope) as endpoint:
            for number, requests in enumerate(batches):
                left = self._ledger.left(self._cell.name, self._trial, number, requests, whole=not slides(self._cell))
                if not left:
                    continue
                if not await self._batch(number, left, endpoint):
                    late.append(number + 1)
        if late:
            raise TrialLimitError(
                f"batch {', '.join(map(str, late))} hit batch_limit_s="
                f"{self._experiment.settings.batch_limit_s:g}; its open requests are recorded as unfinished"
            )

    def _batches(self) -> Sequence[Requests]:
        """What is awaited together: slices under `gather`, otherwise all."""
        if gathers(self._cell):
            return self._cell.workload.slices(self._cell.batch_size)
        return [self._cell.workload.requests[self._task.shard :: self._task.shards]]

    async def _batch(self, number: int, requests: Sequence[Request], endpoint: Endpoint) -> bool:
        """Play one batch; False when its limit cut it short."""
        strategy = self._strategy
        self._memory.release(len(requests))
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(self._client(endpoint, reuse=True))
            fresh = None
            if strategy.needs_fresh_connections:
                fresh = await stack.enter_async_context(self._client(endpoint, reuse=False))
            await self._warm_up(client, endpoint)
            # All is prepared before time begins.
            if self._origin is None:
                self._origin = await self._begin() - self._task.played_s
            origin = self._origin
            self._listener.batch_started(batch=number, requests=len(requests))

            def start(request: Request, wanted: float | None = None) -> Play:
                return Play(
                    client,
                    request,
                    strategy,
                    endpoint,
                    origin=origin,
                    wanted=wanted,
                    memory=self._memory,
                    fresh=fresh,
                    experiment=self._experiment.name,
                    cell=self._cell.name,
                    trial=self._trial,
                    seed=self._seed,
                    batch=number,
                    take=self._take or None,
                )

            return await self._release(requests, start, origin)

    def _client(self, endpoint: Endpoint, *, reuse: bool) -> AsyncOpenAI:
        strategy = self._strategy
        return open_client(
            endpoint,
            max_retries=strategy.sdk_retries,
            pool=strategy.pool,
            reuse=reuse,
            transport=strategy.transport,
            models=strategy.sdk_models,
        )

    async def _release(self, requests: Sequence[Request], start: Callable[..., Play], origin: float) -> bool:
        """Begin requests as they arrive, or as the strategy's dispatch says; False when a limit cut them short."""
        limits, limit_s = limiter(self._strategy), self._experiment.settings.batch_limit_s
        stagger_s = self._strategy.stagger_s
        if self._cell.workload.arrivals is not None:
            return await paced(self._arriving(requests, origin), start, self._keep, limits, limit_s=limit_s)
        if limits is not None:
            limit_s *= len(self._cell.workload.slices(self._cell.batch_size))
            return await window(requests, start, self._keep, limits, limit_s=limit_s, stagger_s=stagger_s)
        if stagger_s:
            return await paced(_staggered(requests, stagger_s), start, self._keep, None, limit_s=limit_s)
        return await gather(requests, start, self._keep, limit_s=limit_s)

    def _arriving(self, requests: Sequence[Request], origin: float) -> Iterator[tuple[Request, float]]:
        """Some of the trial's requests, in order, each with the instant at which it is due among all of them."""
        scale = self._experiment.settings.time_scale
        due = enumerate(self._cell.workload.instants(self._seed))
        for request in requests:
            at_s = next(at_s for number, at_s in due if number == request.index)
            yield request, origin + at_s * scale

    async def _warm_up(self, client: AsyncOpenAI, endpoint: Endpoint) -> None:
        """Open connections by requests for one token that are not recorded; the trial's time begins after them."""
        count = len(range(self._task.shard, self._cell.workload.warmup, self._task.shards))
        if count:
            await warm_up(client, self._cell.workload.requests[0], endpoint, count)

    def _keep(self, play: Play, outcome: Outcome) -> None:
        if self._foreseeable:
            stream = self._strategy.stream
            outcome = with_foresight(outcome, play.request, self._profile, stream=stream)
        if self._lag is not None and self._origin is not None:
            begin_s, end_s = self._origin + outcome.start_s, self._origin + outcome.end_s
            outcome = replace(outcome, lag_s=rounded(self._lag.worst(begin_s, end_s)))
        self._ledger.add(outcome)
