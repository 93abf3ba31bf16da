"""A run from what is on disk to its end, and what it leaves behind, however it ends."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict

from harness import engines
from harness.config import CLUSTERS, Experiment
from harness.config.shards import shards_of
from harness.engines import Engine, WorkerLostError
from harness.errors import StoppedError, UserError
from harness.progress import Progress, unseen
from harness.records import Outcome
from harness.runner.failures import FailureLimit, TooManyFailuresError
from harness.runner.listener import Listener, Silent
from harness.runner.recorded import Recorded
from harness.runner.result import RunResult
from harness.runner.tasks import tasks_left
from harness.runner.ways import Desk, play_at_once, play_elsewhere, play_here
from harness.storage import RunFolder

#: Opens what shows how far work that takes a while is.
Working = Callable[[], AbstractContextManager[Progress]]


def run(
    experiment: Experiment,
    folder: RunFolder,
    listener: Listener | None = None,
    *,
    reading: Working = unseen,
    cluster: Engine | None = None,
) -> RunResult:
    """Play every trial of every cell that the folder does not hold yet, and append each request as it ends.

    Trials are the outer loop, so that drift of a real API hits all cells alike. A cell that cannot be played is given
    up and the others go on. Ctrl-C, `max_failures`, a worker that dies for good and a mock server that dies end the run
    early; what was done stays. UserError passes through. `reading` shows how far the records that are on disk have been
    read; `cluster` is what `cluster_of` has joined.
    """
    listener = listener or Silent()
    result = RunResult()
    with reading() as tick:
        recorded = Recorded(folder.outcomes(tick))
    listener.started(requests=experiment.requests, recorded=len(recorded))
    if recorded:
        listener.recalled(folder.outcomes())
    failures = FailureLimit(experiment.settings.max_failures, recorded.failed)

    def keep(outcome: Outcome) -> None:
        folder.append(outcome)
        listener.finished(outcome)
        failures.count(outcome)

    desk = Desk(experiment, recorded, keep, result, listener)
    try:
        with _quiet_garbage_collector():
            _play(desk, cluster)
    except KeyboardInterrupt:
        result.interrupted = True
    except (TooManyFailuresError, WorkerLostError, StoppedError) as error:
        result.stopped = str(error)
    finally:
        note_replaced(folder, result)
        folder.close()
        listener.ended()
    return result


def note_replaced(folder: RunFolder, result: RunResult) -> None:
    """Add the processes that died to those of earlier parts of the run; a disk that is full or gone says so itself."""
    if result.replaced:
        with suppress(UserError, OSError):
            folder.update_manifest(replaced=dict(Counter(folder.manifest().get("replaced", {})) + result.replaced))


def _play(desk: Desk, cluster: Engine | None) -> None:
    """Have what is left of a run played, in the way that fits its engine and its clock."""
    experiment = desk.experiment
    most = len(tasks_left(experiment, desk.recorded, workers=1))
    if not most:
        return
    real = experiment.clock == "real"
    with nullcontext(cluster) if cluster else _opened(experiment, None if real else most) as engine:
        tasks = tasks_left(experiment, desk.recorded, engine.workers)
        shards = {task.cell: task.shards for task in tasks if task.shards > 1}
        name = engine_of(experiment, most)
        desk.result.played_by = {"engine": name, "workers": engine.workers, **({"shards": shards} if shards else {})}
        way = play_here if engine.here else play_at_once if real else play_elsewhere
        way(engine, tasks, desk)


def _opened(experiment: Experiment, most: int | None) -> AbstractContextManager[Engine]:
    options = asdict(experiment.settings.cluster)
    return engines.engine_named(engine_of(experiment, most or 1), most=most, options=options)


@contextmanager
def cluster_of(experiment: Experiment, tell: Callable[[str], None]) -> Iterator[Engine | None]:
    """The cluster that the settings name, joined for as long as the block lasts; None where they name none.

    `tell` hears when it is less than was asked for. Raises UserError when it cannot be joined.
    """
    if experiment.settings.engine not in CLUSTERS:
        yield None
        return
    # In real time a trial is cut into as many parts as there are workers.
    shards = experiment.settings.shards
    tasks = len(experiment.cells) * experiment.most_trials * (1 if shards == "auto" else shards)
    most = None if experiment.clock == "real" else tasks
    with _opened(experiment, most) as engine:
        if engine.notice:
            tell(engine.notice)
        yield engine


def workers(experiment: Experiment, tasks: int) -> int:
    """How many processes of this machine play so many tasks.

    Real time stays in one unless that is asked for, so that measurements are alike on every machine.
    """
    if experiment.clock == "real" or experiment.settings.engine == "local":
        return 1
    return min(engines.cores(), max(1, tasks))


def engine_of(experiment: Experiment, tasks: int) -> str:
    """The engine that the settings name, or the one that fits so many tasks."""
    if experiment.settings.engine != "auto":
        return experiment.settings.engine
    shares = experiment.clock == "real" and experiment.settings.shards not in {"auto", 1}
    return "processes" if shares or workers(experiment, tasks) > 1 else "local"


def processes_of_a_trial(experiment: Experiment) -> int:
    """How many processes play one trial in real time, as far as is known before a cluster is asked."""
    engine = engine_of(experiment, 1)
    if engine == "local":
        return 1
    several = engines.cores() if engine == "processes" else experiment.settings.cluster.workers or 1
    return max(shards_of(experiment, cell, several) for cell in experiment.cells)


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
