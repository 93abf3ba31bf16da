"""A run of which nothing was answered says what it was told instead."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from harness.analysis import finish
from harness.analysis.silent import errors_of
from harness.records import Outcome
from harness.runner import RunResult, Silent
from harness.runner.core import note_replaced
from tests.runner.conftest import PlayFn


@pytest.fixture(autouse=True)
def _conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of one's own, by which every attempt is told that there is no such place."""
    (tmp_path / "conf/fault").mkdir(parents=True)
    (tmp_path / "conf/fault/nowhere.yaml").write_text("kind: status_error\nprobability: 1\nstatus: 404\n")
    monkeypatch.chdir(tmp_path)


def test_the_error_of_a_run_without_an_answer_is_told(play: PlayFn):
    """The outcome of most, and the words of the first."""
    _, folder = play("profile=instant", "fault=nowhere", "strategy=restart_3", name=None)
    found = {note["code"]: note["message"] for note in finish(folder)["warnings"]}["nothing_answered"]
    assert found.startswith("every request failed, most with: status_error (")
    assert found.endswith("; one said: HTTP 404")


def test_one_silent_cell_of_several_is_named(play: PlayFn):
    """With its own error; those that were answered say nothing."""
    _, folder = play("profile=instant", "strategy=restart_3", "matrix.fault=[none,nowhere]", name=None)
    summary = finish(folder)
    (silent,) = [cell["cell"] for cell in summary["cells"] if cell["failed"] == cell["requests"]]
    assert errors_of(folder, {silent: "status_error"}) == {silent: "HTTP 404"}
    found = {note["code"]: note["message"] for note in summary["warnings"]}["nothing_answered"]
    assert found.startswith(f"every request of {silent} failed, ")


def test_an_answer_is_enough(play: PlayFn):
    """One request in a run that was answered."""
    _, folder = play(name=None)
    assert "nothing_answered" not in {note["code"] for note in finish(folder)["warnings"]}


class Impatient(Silent):
    """Presses Ctrl-C at the first request that ends."""

    def finished(self, outcome: Outcome) -> None:
        raise KeyboardInterrupt


def test_a_run_without_a_whole_trial_is_to_be_continued(play: PlayFn):
    """More trials are no advice for one that was broken off in its first."""
    _, folder = play(name=None, listener=Impatient())
    (note,) = [note for note in finish(folder)["warnings"] if note["code"] == "few_trials"]
    assert (note["message"], note["advice"]) == (
        "no trial of every cell is whole yet",
        "continue the run with resume=true",
    )


def test_processes_that_died_in_several_parts_of_a_run_are_added(play: PlayFn):
    """A run that goes on, and each stage of `trials: auto`, adds its own."""
    _, folder = play(name=None)
    for cell in ("a", "a", "b"):
        note_replaced(folder, RunResult(replaced=Counter([cell])))
    note_replaced(folder, RunResult())
    (note,) = [note for note in finish(folder)["warnings"] if note["code"] == "worker_replaced"]
    assert note["message"] == "3 processes that played a and other cells died and had to be replaced"
