"""Three ways to have tasks played: in this process, by others in virtual time, and by others at once in real time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby

from harness.config import Experiment
from harness.engines import Engine, Synchronised, Task
from harness.records import Outcome
from harness.runner.guard import Guard
from harness.runner.lag import LoopLag
from harness.runner.listener import Listener
from harness.runner.recorded import Recorded
from harness.runner.result import RunResult
from harness.runner.shards import Began, play_shard
from harness.runner.targets import Target, open_targets
from harness.runner.tasks import Here, Keep, cell_of, play_task, reason_of
from harness.runner.trial import Ledger, torn


@dataclass
class Desk:
    """What is known of a run while it goes on, and who is told."""

    experiment: Experiment
    recorded: Recorded
    keep: Keep
    result: RunResult
    listener: Listener
    _announced: tuple[int, str] | None = field(default=None, init=False)

    def given_up(self, task: Task) -> bool:
        """Whether the cell of a task is not played any further."""
        return task.cell in self.result.failed_cells

    def announce(self, task: Task) -> None:
        """Say that a trial begins, with its first task."""
        if self._announced != (task.trial, task.cell):
            self._announced = task.trial, task.cell
            cell = cell_of(self.experiment, task)
            batches = len(cell.workload.slices(cell.batch_size)) if cell.strategy.dispatch == "gather" else 1
            trials = self.experiment.trials
            self.listener.trial_started(cell=cell.name, trial=task.trial, trials=trials, batches=batches)

    def judge(self, task: Task, reason: str | None) -> None:
        """Give up a cell if there is a reason to."""
        if reason is not None:
            self.result.failed_cells[task.cell] = f"trial {task.trial}: {reason}"
            self.listener.cell_failed(cell=task.cell, trial=task.trial, reason=reason)


def play_here(engine: Engine, tasks: Sequence[Task], desk: Desk) -> None:
    """Play the tasks in this process, and keep each request as it ends."""
    with open_targets(desk.experiment) as targets:
        here = Here(desk.experiment, desk.recorded, desk.keep, desk.listener, targets)

        def play(task: Task) -> str | None:
            if desk.given_up(task):
                return None
            desk.announce(task)
            return here.play(task)

        for task, reason in zip(tasks, engine.in_order(play, tasks, idle=desk.listener.idle), strict=True):
            desk.judge(task, reason)
        desk.result.server_timing = targets.server_timing()
        desk.result.client_timing = here.lag.timing()


def play_elsewhere(engine: Engine, tasks: Sequence[Task], desk: Desk) -> None:
    """Have the tasks played from their start, and keep their requests in the order in which one process would."""
    with closing(engine.in_order(partial(play_task, desk.experiment), tasks, idle=desk.listener.idle)) as found:
        for task, played in zip(tasks, found, strict=True):
            if desk.given_up(task):
                continue
            desk.announce(task)
            ledger = Ledger(task, desk.recorded, desk.keep, replays=True)
            desk.judge(task, _kept(ledger, played.outcomes) or played.reason)


def _kept(ledger: Ledger, outcomes: Iterable[Outcome]) -> str | None:
    """Keep outcomes; the reason when they are not those of before."""
    try:
        for outcome in outcomes:
            ledger.add(outcome)
    except RuntimeError as error:
        return reason_of(error)
    return None


def play_at_once(engine: Engine, tasks: Sequence[Task], desk: Desk) -> None:
    """Play trial after trial, all shards of one at once, and keep each request soon after it ended."""
    if not isinstance(engine, Synchronised):
        raise TypeError("settings with real time name an engine that is synchronised")
    lag = LoopLag()
    with open_targets(desk.experiment) as targets:
        for _, shards in groupby(tasks, key=lambda task: (task.trial, task.cell)):
            trial = _SharedTrial(engine, list(shards), desk)
            if not desk.given_up(trial.tasks[0]):
                trial.play(targets.of(cell_of(desk.experiment, trial.tasks[0])), lag)
        desk.result.server_timing = targets.server_timing()
        desk.result.client_timing = lag.timing()


class _SharedTrial:
    """One trial of one cell that several processes play."""

    def __init__(self, engine: Synchronised, tasks: Sequence[Task], desk: Desk) -> None:
        self._engine, self._desk = engine, desk
        cell = cell_of(desk.experiment, tasks[0])
        self._requests = len(cell.workload)
        trial, recorded = tasks[0].trial, desk.recorded
        self._done = {n for n in range(self._requests) if (cell.name, trial, n) in recorded}
        self._done -= torn(cell, trial, recorded)
        self.tasks = [replace(task, done=self._done_of(task)) for task in tasks]
        self._begun: Counter[int] = Counter()
        self._released: defaultdict[int, int] = defaultdict(int)

    def play(self, target: Target, lag: LoopLag) -> None:
        """Play it to its end; `lag` takes in how late its processes were."""
        self._desk.announce(self.tasks[0])
        guard = self._guard = Guard(self._desk.keep, target.ended)
        guard.look()

        def idle() -> None:
            guard.look()
            self._desk.listener.idle()

        try:
            ended = self._engine.at_once(
                partial(play_shard, self._desk.experiment, target),
                self.tasks,
                heard=self._heard,
                again=self._again,
                idle=idle,
            )
        except KeyboardInterrupt:
            # Failures are finished, too.
            guard.look(0)
            raise
        guard.close()
        for shard in ended:
            lag.add(shard.late)
        self._desk.judge(self.tasks[0], next((shard.reason for shard in ended if shard.reason is not None), None))

    def _again(self, task: Task) -> Task:
        """The task of a process that died, for another one; that it happened is kept, since time was lost."""
        self._desk.result.replaced[task.cell] += 1
        return task.again(self._done_of(task))

    def _done_of(self, task: Task) -> frozenset[int]:
        return frozenset(self._done.intersection(task.numbers(self._requests)))

    def _heard(self, task: Task, part: list[Outcome] | Began) -> None:  # noqa: ARG002 - all shards are one trial
        if isinstance(part, Began):
            self._began(part)
            return
        for outcome in part:
            self._done.add(outcome.request)
            self._guard.keep(outcome)
        self._guard.look()

    def _began(self, part: Began) -> None:
        """Say that a batch begins when all shards have begun it."""
        self._begun[part.batch] += 1
        self._released[part.batch] += part.requests
        if self._begun[part.batch] == len(self.tasks):
            self._desk.listener.batch_started(batch=part.batch, requests=self._released[part.batch])
