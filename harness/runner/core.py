"""The loop over trials and cells, and what a run leaves behind when it ends, however it ends."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from harness import clock
from harness.clock import ClockError
from harness.config import Experiment
from harness.errors import UserError
from harness.records import Outcome
from harness.runner.listener import Listener, Silent
from harness.runner.targets import open_targets
from harness.runner.trial import Ledger, Trial, TrialLimitError
from harness.storage import RunFolder


class TooManyFailuresError(Exception):
    """More requests failed than `max_failures` allows; the run stops and keeps what it has."""


@dataclass
class RunResult:
    """How a run ended: `failed_cells` names the cells that were given up, with the reason."""

    failed_cells: dict[str, str] = field(default_factory=dict)
    stopped: str | None = None
    interrupted: bool = False

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


def run(experiment: Experiment, folder: RunFolder, listener: Listener | None = None) -> RunResult:
    """Play every trial of every cell that the folder does not hold yet, and append each request as it ends.

    Trials are the outer loop, so that drift of a real API hits all cells alike. A cell that cannot be played is given
    up and the others go on. Ctrl-C and `max_failures` end the run early; what was done stays. UserError passes through.
    """
    listener = listener or Silent()
    result = RunResult()
    recorded = {outcome.key: outcome for outcome in folder.outcomes()}
    listener.started(requests=experiment.requests, recorded=len(recorded))
    failures = _FailureLimit(experiment.settings.max_failures, sum(not outcome.ok for outcome in recorded.values()))

    def keep(outcome: Outcome) -> None:
        folder.append(outcome)
        listener.finished(outcome)
        failures.count(outcome)

    try:
        with open_targets(experiment) as targets, _quiet_garbage_collector():
            for trial in range(experiment.settings.trials):
                for cell in experiment.cells:
                    if cell.name in result.failed_cells:
                        continue
                    ledger = Ledger(cell, trial, recorded, keep, replays=experiment.clock == "virtual")
                    if ledger.complete:
                        continue
                    play = Trial(experiment, cell, trial, targets.of(cell), ledger=ledger, listener=listener)
                    reason = _play(play, experiment.clock)
                    if reason is not None:
                        result.failed_cells[cell.name] = reason
                        listener.cell_failed(cell=cell.name, trial=trial, reason=reason)
    except KeyboardInterrupt:
        result.interrupted = True
    except TooManyFailuresError as error:
        result.stopped = str(error)
    finally:
        listener.ended()
    return result


def _play(trial: Trial, clock_name: Literal["virtual", "real"]) -> str | None:
    """Play one trial of one cell; the reason when it could not be played to its end."""
    try:
        clock.run(trial.main, clock=clock_name)
    except (UserError, TooManyFailuresError):
        raise
    except TrialLimitError as error:
        return str(error)
    except ClockError as error:
        return f"{type(error).__name__}: {error}"
    except Exception as error:
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
