"""Bounds beside each cell: where they come from, and why there may be none."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.analysis import summarise
from harness.bounds import Latency, bounds, bounds_of
from harness.profiles import Profile
from harness.records import Attempt
from harness.storage import RunFolder
from tests.folders import PROFILE, STRATEGY, made, manifest, outcome

TOTALS = {"a": [[2.0, 4.0, 6.0, 8.0]]}


def beside(folder: RunFolder) -> dict:
    (cell,) = summarise(folder)["cells"]
    return cell["bounds"]


def strategy(**changes) -> dict[str, dict]:
    return {"a": {"strategy": STRATEGY | {"name": "a", "in_flight": 2} | changes}}


def test_bounds_follow_from_the_profile(tmp_path: Path):
    """Four requests one after the other, a second each without stalls; a restart costs a second for each tenth."""
    found = beside(made(tmp_path / "run", TOTALS))
    assert (found["source"], found["why_not"], found["no_stall_s"]) == ("profile", None, 4.0)
    assert found["best_restart"]["total_s"] == pytest.approx(4 / 0.9, abs=1e-3)
    assert found["best_restart"]["load"] == pytest.approx(1 / 0.9, abs=1e-3)


def test_a_window_is_told_from_batches(tmp_path: Path):
    """Two requests in flight halve the time."""
    found = beside(made(tmp_path / "run", TOTALS, about=strategy(dispatch="window")))
    expected = bounds_of(Profile.from_dict(PROFILE), stream=False, requests=4, in_flight=2, dispatch="window")
    assert found["no_stall_s"] == 2.0
    assert found["best_restart"] == expected.to_dict()["best_restart"]


def test_scaled_time_scales_the_bounds(tmp_path: Path):
    """They stand beside scaled totals."""
    assert beside(made(tmp_path / "run", TOTALS, time_scale=0.1))["no_stall_s"] == pytest.approx(0.4)


def test_a_manifest_without_profiles_has_that_of_the_settings(tmp_path: Path):
    """As run folders of before it held them."""
    folder = made(tmp_path / "run", TOTALS)
    folder.write_manifest({key: value for key, value in folder.manifest().items() if key != "profiles"})
    folder.write_config({"profile": PROFILE})
    assert beside(folder)["no_stall_s"] == 4.0


def test_a_recording_gives_bounds_of_what_it_saw(tmp_path: Path):
    """Of a real API nobody knows what it would do without stalls."""
    about = {"a": {"target": "openai"}}
    found = beside(made(tmp_path / "run", TOTALS, about=about))
    expected = bounds(Latency.of_times([2, 4, 6, 8]), requests=4, in_flight=1, dispatch="gather").to_dict()
    assert found == {"source": "records", "why_not": None, **expected}
    assert found["no_stall_s"] is None
    assert found["best_restart"]["total_s"] > 0


@pytest.mark.parametrize(
    ("changes", "about", "reason"),
    [
        ({"profiles": [PROFILE | {"load": {"slots": 5}}]}, {}, "how much is asked of it"),
        ({"profiles": []}, {}, "does not hold the profile"),
        ({}, strategy(dispatch="aimd"), "in flight follows what comes back"),
    ],
)
def test_why_there_are_none_is_said(tmp_path: Path, changes, about, reason):
    """In a sentence, in the summary and in the report."""
    found = beside(made(tmp_path / "run", TOTALS, about=about, **changes))
    assert found["source"] is None
    assert reason in found["why_not"]


def test_a_recording_without_an_answer_has_none(tmp_path: Path):
    """All of its attempts failed."""
    folder = RunFolder.create(tmp_path / "run", "made")
    folder.write_manifest(manifest({"a": {"target": "openai"}}, 1))

    failed = (Attempt(1, "first", "timeout", 0.0, 4.0),)
    folder.append(replace(outcome("a", 0, 0, 0, 0.0, 4.0), outcome="timeout", attempts=failed))
    folder.close()
    assert beside(folder) == {"source": None, "why_not": "no attempt was answered."}
