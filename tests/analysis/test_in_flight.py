"""A window that is never full is told: the server saw another load than the one that was asked for."""

from pathlib import Path

import pytest

from harness.analysis import finish
from harness.storage import RunFolder
from tests.folders import STRATEGY, manifest, outcome

REQUESTS = 40


def played(path: Path, apart_s: float, *, recorded: int = REQUESTS, **strategy) -> dict:
    """The summary of two trials of a window of 20, in which a request of a second begins every so often."""
    folder = RunFolder.create(path, "made")
    folder.write_config({"trials": 2})
    window = STRATEGY | {"name": "a", "dispatch": "window", "in_flight": 20} | strategy
    folder.write_manifest(manifest({"a": {"strategy": window}}, REQUESTS))
    for trial in range(2):
        for request in range(recorded):
            folder.append(outcome("a", trial, 0, request, request * apart_s, 1.0))
    folder.close()
    return finish(folder)


@pytest.mark.parametrize(("apart_s", "most", "warned"), [(0.05, 20, False), (0.0625, 16, True), (1.0, 1, True)])
def test_the_most_that_were_in_flight_are_counted(tmp_path: Path, apart_s, most, warned):
    """Whoever ends makes room for whoever begins at that instant; a tenth too few is no matter."""
    summary = played(tmp_path / "run", apart_s)
    (cell,) = summary["cells"]
    assert cell["in_flight"] == {"wanted": 20, "most": most}
    notes = [note for note in summary["warnings"] if note["code"] == "window_not_reached"]
    assert bool(notes) is warned
    if warned:
        assert notes[0]["message"].startswith(f"a never had more than {most} requests in flight, where 20 were wanted")


def test_a_window_is_never_wider_than_the_trial_is_long(tmp_path: Path):
    """A hundred requests in flight are not to be had of forty."""
    (cell,) = played(tmp_path / "run", 0.0, in_flight=100)["cells"]
    assert cell["in_flight"] == {"wanted": 40, "most": 40}


def test_a_run_that_ended_early_is_not_blamed(tmp_path: Path):
    """What was under way then has no record, so nobody knows how many there were."""
    summary = played(tmp_path / "run", 0.05, recorded=10)
    assert "in_flight" not in summary["cells"][0]
    assert "window_not_reached" not in {note["code"] for note in summary["warnings"]}


@pytest.mark.parametrize("dispatch", ["gather", "open", "aimd"])
def test_other_dispatches_have_no_window(tmp_path: Path, dispatch):
    """They release whole batches, or follow what comes back."""
    assert "in_flight" not in played(tmp_path / "run", 1.0, dispatch=dispatch)["cells"][0]
