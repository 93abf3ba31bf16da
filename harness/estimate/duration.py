"""How long a run takes on the clock on the wall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.config import Experiment
from harness.estimate.attempts import Attempts
from harness.estimate.foresee import Foreseen
from harness.estimate.tokens import tokens_of_an_answer
from harness.runner import processes_of_a_trial, workers

#: Seconds of one core in virtual time: for an attempt, for each further token of its answer, and for one that goes
#: over in-memory sockets. Measured on one core of 2024; a machine may be half or twice as fast.
ATTEMPT_S, TOKEN_S, SOCKETS_S = 1.4e-3, 7e-5, 1.1e-3
#: Seconds for starting, and for the report.
START_S, REPORT_S = 1.5, 3.0


@dataclass(frozen=True)
class Duration:
    """Seconds; None where it is not known, and `why_not` says why. `cells` of it are known, `processes` play them."""

    seconds: float | None
    cells: int
    processes: int
    why_not: str | None = None


def duration(experiment: Experiment, foreseen: Sequence[Foreseen], attempts: Attempts) -> Duration:
    """How long a run takes.

    In virtual time: attempts x the seconds of a core that one takes / processes. In real time: the sum over cells of
    the expected total of a trial, times trials.
    """
    if experiment.clock == "virtual":
        units = experiment.trials * len(experiment.cells)
        processes = workers(experiment, units)
        return Duration(_virtual(experiment, attempts) / processes + _around(experiment), units, processes)
    processes = processes_of_a_trial(experiment)
    known = [one.total_s for one in foreseen if one.total_s is not None]
    reason = next((one.why_not for one in foreseen if one.why_not), None)
    if not known:
        return Duration(None, 0, processes, reason)
    return Duration(experiment.trials * sum(known) + _around(experiment), len(known), processes, reason)


def _virtual(experiment: Experiment, attempts: Attempts) -> float:
    answer = tokens_of_an_answer(experiment) or 1
    each = ATTEMPT_S + TOKEN_S * (answer - 1)
    if experiment.settings.network == "memory":
        each += SOCKETS_S
    return attempts.expected * each


def _around(experiment: Experiment) -> float:
    return START_S + (REPORT_S if experiment.settings.report else 0.0)
