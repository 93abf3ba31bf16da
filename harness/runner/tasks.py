"""What an engine plays: the tasks of a run, and what playing one leaves."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from harness import clock
from harness.config import Cell, Experiment
from harness.config.shards import shards_of
from harness.engines import Task
from harness.errors import UserError
from harness.records import Outcome
from harness.runner.failures import TooManyFailuresError
from harness.runner.guard import Guard
from harness.runner.lag import LoopLag
from harness.runner.listener import Listener, Silent
from harness.runner.packed import Packed
from harness.runner.recorded import Recorded
from harness.runner.targets import Targets, open_targets
from harness.runner.ticks import ticking
from harness.runner.trial import Ledger, Trial, TrialLimitError, gathers, slides

#: A profile without latency plays a whole trial at one instant, which is no livelock: a request takes far fewer turns
#: of the loop than this.
ITERATIONS = 10_000
LIVELOCK_LIMIT = 1_000_000

Keep = Callable[[Outcome], None]


@dataclass(frozen=True)
class Played:
    """What a task left: outcomes that nobody has kept yet, and why it could not be played to its end, if so."""

    outcomes: Iterable[Outcome] = ()
    reason: str | None = None


def tasks_left(experiment: Experiment, recorded: Recorded, workers: int) -> list[Task]:
    """What still has to be played, trials outside, where the engine has so many workers."""
    found = []
    for trial in range(experiment.trials):
        for cell in experiment.cells:
            shards = shards_of(experiment, cell, workers)
            before = _before(experiment, cell, trial, recorded)
            tasks = [Task(trial, cell.name, shard, shards, **before) for shard in range(shards)]
            found += [task for task in tasks if not Ledger.complete(cell, task, recorded)]
    return found


def _before(experiment: Experiment, cell: Cell, trial: int, recorded: Recorded) -> dict[str, Any]:
    """What tasks have to know of earlier parts of the run: nothing in virtual time, which replays them."""
    if experiment.clock != "real":
        return {}
    if slides(cell):
        return {"played_s": recorded.last_s(cell.name, trial)}
    return {"take": recorded.next_take} if gathers(cell) else {}


def cell_of(experiment: Experiment, task: Task) -> Cell:
    """The cell that a task names."""
    return next(cell for cell in experiment.cells if cell.name == task.cell)


def play_task(experiment: Experiment, task: Task) -> Played:
    """Play a task from its start, in virtual time, and give back all that came of it: the work of an engine elsewhere.

    `functools.partial(play_task, experiment)` survives pickling, as do tasks and what comes back.
    """
    outcomes = Packed()
    with open_targets(experiment) as targets:
        reason = Here(experiment, Recorded(), outcomes.append, Silent(), targets).play(task)
    return Played(outcomes, reason)


class Here:
    """Plays tasks in this process, and keeps each request as it ends."""

    def __init__(
        self, experiment: Experiment, recorded: Recorded, keep: Keep, listener: Listener, targets: Targets
    ) -> None:
        self._experiment = experiment
        self._recorded = recorded
        self._keep = keep
        self._listener = listener
        self._targets = targets
        self.lag = LoopLag()

    def play(self, task: Task) -> str | None:
        """Play one task; the reason when it could not be played to its end."""
        experiment, cell = self._experiment, cell_of(self._experiment, task)
        target = self._targets.of(cell)
        guard = Guard(self._keep, target.ended)
        real = experiment.clock == "real"
        keep, lag = (guard.keep, self.lag) if real else (self._keep, None)
        ledger = Ledger(task, self._recorded, keep, replays=not real)
        trial = Trial(experiment, cell, task, target, ledger=ledger, listener=self._listener, lag=lag)
        main = trial.main
        if real:
            guarded = partial(guard.around, trial.main)
            main = partial(self.lag.around, partial(ticking, guarded, self._listener.idle))
        return played(main, trial.requests, experiment)


def played(main: Callable[[], Coroutine[Any, Any, None]], requests: int, experiment: Experiment) -> str | None:
    """Play one trial of one cell, of so many requests; the reason when it could not be played to its end."""
    loop = experiment.settings.event_loop
    try:
        clock.run(main, clock=experiment.clock, event_loop=loop, livelock_limit=LIVELOCK_LIMIT + ITERATIONS * requests)
    except (UserError, TooManyFailuresError):
        raise
    except Exception as error:
        # Whatever broke this cell, the others still have to be played.
        return reason_of(error)
    return None


def reason_of(error: Exception) -> str:
    """Why a cell was given up, in one line."""
    return str(error) if isinstance(error, TrialLimitError) else f"{type(error).__name__}: {error}"
