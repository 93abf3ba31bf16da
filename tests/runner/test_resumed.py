"""Real time that is played in parts: what is put together is what one part would have come to, or it is played anew."""

from __future__ import annotations

import itertools

import pytest

from harness.analysis import finish
from harness.config import compose
from harness.engines import Task
from harness.runner import RunResult, Silent, open_folder, run
from harness.runner.recorded import Recorded
from harness.runner.tasks import tasks_left
from harness.runner.trial import Ledger
from harness.storage import RunFolder
from tests.folders import outcome

#: Answers take a tenth to half a second.
REAL = ["clock=real", "profile=instant", "profile.first_content={kind: uniform, low: 0.1, high: 0.5}", "trials=1"]
REAL += ["workload.batches=1", "workload.batch_size=12"]


class Interrupts(Silent):
    """Ctrl-C after so many requests."""

    def __init__(self, after: int) -> None:
        self._left = after

    def finished(self, outcome) -> None:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt


def in_parts(words: list[str], folder, *after: int) -> tuple[RunResult, RunFolder]:
    """A run that is interrupted after so many requests, again and again, and then played to its end."""
    experiment = compose(None, [*words, f"out={folder}"])
    opened = open_folder(experiment)
    for count in after:
        assert run(experiment, opened, Interrupts(count)).interrupted
        opened = RunFolder.open(opened.path)
    return run(experiment, opened), opened


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "processes"])
def test_a_window_goes_on_where_it_was_interrupted(engine, tmp_path):
    """Its total is the time of all of its parts, and no request lies beside one of another part."""
    words = [*REAL, f"engine={engine}", "shards=1", "strategy.dispatch=window", "strategy.in_flight=1"]
    result, folder = in_parts(words, tmp_path / "run", 4, 4)
    assert result.exit_code == 0
    found = sorted(folder.outcomes(), key=lambda one: one.start_s)
    assert [one.request for one in found] == list(range(12))
    assert all(earlier.end_s <= later.start_s for earlier, later in itertools.pairwise(found))
    total = finish(folder)["cells"][0]["total_s"]["mean"]
    assert total >= sum(one.latency_s for one in found) - 0.001


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "processes"])
def test_a_batch_is_of_one_take(engine, tmp_path):
    """However often it was interrupted: what was recorded stays on record, and does not count."""
    result, folder = in_parts([*REAL, f"engine={engine}"], tmp_path / "run", 3, 5)
    assert result.exit_code == 0
    written = list(folder.outcomes())
    assert len(written) >= 3 + 5 + 12
    latest = [one for one in written if one.take == 2]
    assert sorted(one.request for one in latest) == list(range(12))
    cell = finish(folder)["cells"][0]
    assert (cell["requests"], cell["failed"]) == (12, 0)
    took = max(one.end_s for one in latest) - min(one.start_s for one in latest)
    assert cell["total_s"]["mean"] == pytest.approx(took)


def test_a_batch_of_two_takes_is_played_again():
    """Though every request of it has a record; one that is whole is not, whatever was before."""
    experiment = compose(None, [*REAL, "workload.batches=2", "workload.batch_size=3"])
    (cell,) = experiment.cells

    def ended(batch: int, request: int, take: int | None = None):
        return outcome(cell.name, 0, batch, request, 0.0, 1.0, take=take)

    known = Recorded([ended(0, 0), ended(0, 1), ended(0, 2), ended(1, 3), ended(1, 4)])
    (task,) = tasks_left(experiment, known, 1)
    assert task == Task(0, cell.name, take=1)
    ledger = Ledger(task, known, lambda _: None, replays=False)
    first, second = cell.workload.slices(3)
    assert (len(ledger.left(cell.name, 0, 0, first, whole=True)), known.next_take) == (0, 1)
    known.add(ended(1, 5, 1))
    assert [one.take for one in tasks_left(experiment, known, 1)] == [2]
    assert list(ledger.left(cell.name, 0, 1, second, whole=True).numbers) == [3, 4, 5]
    for request in (3, 4, 5):
        known.add(ended(1, request, 2))
    assert tasks_left(experiment, known, 1) == []
    assert len(ledger.left(cell.name, 0, 1, second, whole=True)) == 0
