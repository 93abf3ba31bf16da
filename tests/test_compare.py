"""Two runs, cell by cell."""

import json
from pathlib import Path

import pytest

from harness.compare import compare
from harness.errors import UserError
from tests.folders import Totals, made

BASE: Totals = {"a": [[10.0], [12.0], [11.0], [13.0]], "b": [[5.0], [6.0], [5.5], [6.5]]}
SLOWER: Totals = {"a": [[10.0], [12.0], [11.0], [13.0]], "b": [[6.0], [7.2], [6.7], [7.8]]}


@pytest.fixture
def runs(tmp_path: Path):
    """Make two runs and compare them."""

    def compared(base: Totals, candidate: Totals, percent: float = 0.0, **changes):
        made(tmp_path / "base", base)
        made(tmp_path / "candidate", candidate, **changes)
        return compare(tmp_path / "base", tmp_path / "candidate", fail_over_percent=percent)

    return compared


def test_a_run_equals_itself(runs):
    """In virtual time equal seeds give equal totals: nothing to decide."""
    found = runs(BASE, BASE)
    assert [cell.verdict for cell in found.cells] == ["equal", "equal"]
    assert found.exit_code == 0


def test_a_significant_slow_down_fails(runs):
    """Paired by seed, 20 % slower in every trial."""
    found = runs(BASE, SLOWER)
    slow = found.cells[1]
    assert (slow.cell, slow.verdict, slow.fails) == ("b", "slower", True)
    assert slow.ratio == pytest.approx(27.7 / 23)
    assert found.exit_code == 1
    assert "FAIL: significantly slower: b" in found.to_text()


def test_a_slow_down_within_the_limit_passes(runs):
    """20 % is less than 25 %."""
    assert runs(BASE, SLOWER, percent=25).exit_code == 0


def test_a_speedup_passes(runs):
    """Faster is said, not failed."""
    found = runs(SLOWER, BASE)
    assert found.cells[1].verdict == "faster"
    assert found.exit_code == 0


def test_one_trial_decides_nothing(runs):
    """And says how to decide."""
    found = runs({"a": [[10.0]]}, {"a": [[20.0]]})
    assert found.cells[0].verdict == "not decided: 1 trial, run with trials=10 or more"
    assert found.exit_code == 0


def test_a_renamed_cell_does_not_pass_silently(runs):
    """It is missing under its old name, and new under its new one."""
    found = runs(BASE, {"a": BASE["a"], "c": BASE["b"]})
    assert (found.missing, found.new, found.exit_code) == (("b",), ("c",), 1)
    assert "missing in the candidate: b" in found.to_text()


def test_other_seeds_are_compared_unpaired(tmp_path: Path):
    """And the table says so."""
    made(tmp_path / "base", BASE)
    summary = json.loads((tmp_path / "base" / "summary.json").read_text())
    for cell in summary["cells"]:
        cell["seeds"] = [seed + 50 for seed in cell["seeds"]]
    (tmp_path / "other.json").write_text(json.dumps(summary))
    found = compare(tmp_path / "base", tmp_path / "other.json")
    assert not found.cells[0].paired
    assert "unpaired" in found.cells[0].verdict
    assert found.exit_code == 0


def test_the_comparison_is_json_too(runs):
    """For other programs, with the exit code."""
    content = json.loads(runs(BASE, SLOWER).to_json())
    assert content["exit_code"] == 1
    assert content["cells"][1]["cell"] == "b"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clock": "real"}, "different clocks"),
        ({"time_scale": 0.5}, "different time scales"),
        ({"about": {"a": {"profile": "q"}}}, "cell a: the runs have different profiles"),
        ({"about": {"a": {"workload": "9x9"}}}, "cell a: the runs have different workloads"),
    ],
)
def test_what_cannot_be_compared_is_refused(runs, changes, message):
    """A difference of servers or clocks is no difference of settings."""
    with pytest.raises(UserError, match=message):
        runs(BASE, BASE, **changes)


def test_no_common_cell_is_refused(runs):
    """With the names of both sides."""
    with pytest.raises(UserError, match="no cell is in both runs: a against x"):
        runs({"a": [[1.0]]}, {"x": [[1.0]]})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read"),
        ("{", "is not JSON"),
        ("[]", r"is not a summary\.json"),
        ('{"cells": [], "schema": 7}', "has schema 7"),
    ],
)
def test_a_file_that_is_no_summary_is_refused(tmp_path: Path, content, message):
    """One line each."""
    path = tmp_path / "x.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=message):
        compare(path, path)
