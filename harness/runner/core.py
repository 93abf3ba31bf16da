"""A run from what is on disk to its end, and what it leaves behind, however it ends."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial

from harness import engines
from harness.config import Experiment
from harness.engines import Engine, Task, WorkerLostError
from harness.progress import Progress, unseen
from harness.records import Outcome
from harness.runner.failures import FailureLimit, TooManyFailuresError
from harness.runner.listener import Listener, Silent
from harness.runner.result import RunResult
from harness.runner.targets import open_targets
from harness.runner.tasks import Here, Keep, Recorded, cell_of, play_task, reason_of, tasks_left
from harness.runner.trial import Ledger
from harness.storage import RunFolder

#: Opens what shows how far work that takes a while is.
Working = Callable[[], AbstractContextManager[Progress]]


def run(
    experiment: Experiment, folder: RunFolder, listener: Listener | None = None, *, reading: Working = unseen
) -> RunResult:
    """Play every trial of every cell that the folder does not hold yet, and append each request as it ends.

    Trials are the outer loop, so that drift of a real API hits all cells alike. A cell that cannot be played is given
    up and the others go on. Ctrl-C, `max_failures` and a worker that dies for good end the run early; what was done
    stays. UserError passes through. `reading` shows how far the records that are on disk have been read.
    """
    listener = listener or Silent()
    result = RunResult()
    with reading() as tick:
        recorded = {outcome.key: outcome for outcome in folder.outcomes(tick)}
    listener.started(requests=experiment.requests, recorded=len(recorded))
    if recorded:
        listener.recalled(recorded.values())
    failures = FailureLimit(experiment.settings.max_failures, sum(not outcome.ok for outcome in recorded.values()))

    def keep(outcome: Outcome) -> None:
        folder.append(outcome)
        listener.finished(outcome)
        failures.count(outcome)

    tasks = tasks_left(experiment, recorded)
    try:
        with _quiet_garbage_collector(), engine_of(experiment, len(tasks)) as engine:
            play = _play_here if engine.here else _play_elsewhere
            play(engine, tasks, experiment, recorded, keep=keep, result=result, listener=listener)
    except KeyboardInterrupt:
        result.interrupted = True
    except (TooManyFailuresError, WorkerLostError) as error:
        result.stopped = str(error)
    finally:
        folder.close()
        listener.ended()
    return result


def workers(experiment: Experiment, tasks: int) -> int:
    """How many processes of this machine play so many tasks.

    Real time stays in one, so that its clients do not disturb each other.
    """
    if experiment.clock == "real" or experiment.settings.engine == "local":
        return 1
    return min(engines.cores(), max(1, tasks))


def engine_of(experiment: Experiment, tasks: int) -> AbstractContextManager[Engine]:
    """The engine that the settings name, or the one that fits so many tasks."""
    name = experiment.settings.engine
    if name == "auto":
        name = "processes" if workers(experiment, tasks) > 1 else "local"
    return engines.engine_named(name, most=tasks, options={})


def _play_here(
    engine: Engine,
    tasks: Sequence[Task],
    experiment: Experiment,
    recorded: Recorded,
    *,
    keep: Keep,
    result: RunResult,
    listener: Listener,
) -> None:
    """Play the tasks in this process, and keep each request as it ends."""
    with open_targets(experiment) as targets:
        here = Here(experiment, recorded, keep, listener, targets)

        def play(task: Task) -> str | None:
            return None if task.cell in result.failed_cells else here.play(task)

        for task, reason in zip(tasks, engine.in_order(play, tasks, idle=listener.idle), strict=True):
            _judge(task, reason, result, listener)
        result.server_timing = targets.server_timing()
        result.client_timing = here.lag.timing()


def _play_elsewhere(
    engine: Engine,
    tasks: Sequence[Task],
    experiment: Experiment,
    recorded: Recorded,
    *,
    keep: Keep,
    result: RunResult,
    listener: Listener,
) -> None:
    """Have the tasks played, and keep their requests in the order in which one process would."""
    with closing(engine.in_order(partial(play_task, experiment), tasks, idle=listener.idle)) as found:
        for task, played in zip(tasks, found, strict=True):
            if task.cell in result.failed_cells:
                continue
            cell = cell_of(experiment, task)
            batches = len(cell.workload.slices(cell.batch_size))
            listener.trial_started(cell=cell.name, trial=task.trial, trials=experiment.trials, batches=batches)
            ledger = Ledger(cell, task.trial, recorded, keep, replays=True)
            _judge(task, _kept(ledger, played.outcomes) or played.reason, result, listener)


def _kept(ledger: Ledger, outcomes: Sequence[Outcome]) -> str | None:
    """Keep outcomes; the reason when they are not those of before."""
    try:
        for outcome in outcomes:
            ledger.add(outcome)
    except RuntimeError as error:
        return reason_of(error)
    return None


def _judge(task: Task, reason: str | None, result: RunResult, listener: Listener) -> None:
    if reason is not None:
        result.failed_cells[task.cell] = f"trial {task.trial}: {reason}"
        listener.cell_failed(cell=task.cell, trial=task.trial, reason=reason)


@contextmanager
def _quiet_garbage_collector() -> Iterator[None]:
    """Collect rarely: building a chunk model allocates much and leaks nothing, which costs a fifth of a bulk run."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
