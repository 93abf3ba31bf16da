"""The loop over trials and cells, and what a run leaves behind when it ends, however it ends."""

from __future__ import annotations

import gc
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from harness import clock, engines
from harness.config import Cell, Experiment
from harness.errors import UserError
from harness.progress import Progress, unseen
from harness.records import Outcome
from harness.runner.lag import LoopLag
from harness.runner.listener import Listener, Silent
from harness.runner.targets import open_targets
from harness.runner.ticks import ticking
from harness.runner.trial import Ledger, Trial, TrialLimitError
from harness.storage import RunFolder

#: A profile without latency plays a whole trial at one instant, which is no livelock: a request takes far fewer turns
#: of the loop than this.
ITERATIONS = 10_000
LIVELOCK_LIMIT = 1_000_000

Recorded = Mapping[tuple[str, int, int], Outcome]
Keep = Callable[[Outcome], None]
#: Opens what shows how far work that takes a while is.
Working = Callable[[], AbstractContextManager[Progress]]


class TooManyFailuresError(Exception):
    """More requests failed than `max_failures` allows; the run stops and keeps what it has."""


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


def run(
    experiment: Experiment, folder: RunFolder, listener: Listener | None = None, *, reading: Working = unseen
) -> RunResult:
    """Play every trial of every cell that the folder does not hold yet, and append each request as it ends.

    Trials are the outer loop, so that drift of a real API hits all cells alike. A cell that cannot be played is given
    up and the others go on. Ctrl-C and `max_failures` end the run early; what was done stays. UserError passes through.
    `reading` shows how far the records that are on disk have been read.
    """
    listener = listener or Silent()
    result = RunResult()
    with reading() as tick:
        recorded = {outcome.key: outcome for outcome in folder.outcomes(tick)}
    listener.started(requests=experiment.requests, recorded=len(recorded))
    if recorded:
        listener.recalled(recorded.values())
    failures = _FailureLimit(experiment.settings.max_failures, sum(not outcome.ok for outcome in recorded.values()))

    def keep(outcome: Outcome) -> None:
        folder.append(outcome)
        listener.finished(outcome)
        failures.count(outcome)

    units = _units(experiment, recorded)
    play = _play_here if workers(experiment, len(units)) == 1 else _play_in_processes
    try:
        with _quiet_garbage_collector():
            play(experiment, units, recorded, keep=keep, result=result, listener=listener)
    except KeyboardInterrupt:
        result.interrupted = True
    except TooManyFailuresError as error:
        result.stopped = str(error)
    finally:
        folder.close()
        listener.ended()
    return result


@dataclass(frozen=True)
class _Unit:
    """One trial of one cell, the smallest thing that an engine plays."""

    trial: int
    cell: Cell


@dataclass(frozen=True)
class _Played:
    """What a unit left: its new outcomes, and why it could not be played to its end, if so."""

    outcomes: list[Outcome]
    reason: str | None


def _units(experiment: Experiment, recorded: Recorded) -> list[_Unit]:
    """What still has to be played, trials outside."""
    units = [_Unit(trial, cell) for trial in range(experiment.trials) for cell in experiment.cells]
    return [unit for unit in units if not Ledger.complete(unit.cell, unit.trial, recorded)]


def workers(experiment: Experiment, units: int) -> int:
    """How many processes play so many trials of cells.

    Real time stays in one, so that its clients do not disturb each other.
    """
    if experiment.clock == "real" or experiment.settings.engine == "local":
        return 1
    return min(engines.cores(), max(1, units))


def _play_here(
    experiment: Experiment, units: list[_Unit], recorded: Recorded, *, keep: Keep, result: RunResult, listener: Listener
) -> None:
    """Play the units one after the other in this process, and keep each request as it ends."""
    lag = LoopLag()
    with open_targets(experiment) as targets:
        for unit in units:
            if unit.cell.name in result.failed_cells:
                continue
            ledger = Ledger(unit.cell, unit.trial, recorded, keep, replays=experiment.clock == "virtual")
            target = targets.of(unit.cell)
            trial = Trial(experiment, unit.cell, unit.trial, target, ledger=ledger, listener=listener)
            main = trial.main
            if experiment.clock == "real":
                main = partial(lag.around, partial(ticking, trial.main, listener.idle))
            _judge(unit, _play(main, trial.requests, experiment.clock), result, listener)
        result.server_timing = targets.server_timing()
        result.client_timing = lag.timing()


def _play_in_processes(
    experiment: Experiment, units: list[_Unit], recorded: Recorded, *, keep: Keep, result: RunResult, listener: Listener
) -> None:
    """Play the units in several processes and keep their requests in the order in which one process would."""

    def play(number: int) -> _Played:
        outcomes: list[Outcome] = []
        local = RunResult()
        _play_here(experiment, [units[number]], recorded, keep=outcomes.append, result=local, listener=Silent())
        failed = local.failed_cells.get(units[number].cell.name)
        return _Played(outcomes, None if failed is None else failed.partition(": ")[2])

    played = engines.in_order(play, len(units), workers=workers(experiment, len(units)), idle=listener.idle)
    with closing(played):
        for unit, found in zip(units, played, strict=True):
            if unit.cell.name in result.failed_cells:
                continue
            batches = len(unit.cell.workload.slices(unit.cell.batch_size))
            trials = experiment.trials
            listener.trial_started(cell=unit.cell.name, trial=unit.trial, trials=trials, batches=batches)
            for outcome in found.outcomes:
                keep(outcome)
            _judge(unit, found.reason, result, listener)


def _judge(unit: _Unit, reason: str | None, result: RunResult, listener: Listener) -> None:
    if reason is not None:
        result.failed_cells[unit.cell.name] = f"trial {unit.trial}: {reason}"
        listener.cell_failed(cell=unit.cell.name, trial=unit.trial, reason=reason)


def _play(
    main: Callable[[], Coroutine[Any, Any, None]], requests: int, clock_name: Literal["virtual", "real"]
) -> str | None:
    """Play one trial of one cell, of so many requests; the reason when it could not be played to its end."""
    try:
        clock.run(main, clock=clock_name, livelock_limit=LIVELOCK_LIMIT + ITERATIONS * requests)
    except (UserError, TooManyFailuresError):
        raise
    except TrialLimitError as error:
        return str(error)
    except Exception as error:
        # Whatever broke this cell, the others still have to be played.
        return f"{type(error).__name__}: {error}"
    return None


class _FailureLimit:
    def __init__(self, limit: int | None, failed: int) -> None:
        self._limit = limit
        self._failed = failed

    def count(self, outcome: Outcome) -> None:
        self._failed += not outcome.ok
        if self._limit is not None and self._failed > self._limit:
            raise TooManyFailuresError(f"stopped after {self._failed} failed requests (max_failures={self._limit})")


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
