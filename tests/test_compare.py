"""Two runs, cell by cell."""

import json
from pathlib import Path

import numpy as np
import pytest

from harness.analysis.statistics import Estimate, LogRatio, holm, log_ratio
from harness.compare import baseline, compare, compare_two_cells
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
    assert (
        found.cells[0].verdict == "not decided: 1 trial in common, and an interval needs 3; run with trials=10 or more"
    )
    assert found.exit_code == 0


def test_a_handful_of_trials_that_differ_decide_nothing(runs):
    """Two of twelve, however much slower; the table asks for more of them."""
    base = [[10.0 + i] for i in range(12)]
    found = runs({"a": base}, {"a": [[600.0], [600.0], *base[2:]]})
    assert found.cells[0].verdict == "not decided: only 2 of 12 trials differ; run with trials=24 or more"
    assert (found.cells[0].ci95, found.exit_code) == (None, 0)


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


def with_trials(path: Path, cell: str, **per_trial: list[int]) -> None:
    """A run whose failures or attempts are others than they were."""
    summary = json.loads((path / "summary.json").read_text())
    for found in summary["cells"]:
        if found["cell"] == cell:
            for name, values in per_trial.items():
                found[f"{name}_per_trial"] = values
            requests = found["requests"]
            found["failed"] = sum(found["failed_per_trial"])
            found["load"] = sum(found["attempts_per_trial"]) / requests
    (path / "summary.json").write_text(json.dumps(summary))


TWO: Totals = {"a": [[10.0] * 20, [12.0] * 20, [11.0] * 20, [13.0] * 20]}


@pytest.mark.parametrize(
    ("base", "candidate", "percent", "reasons"),
    [
        ({"failed": [0, 0, 0, 0]}, {"failed": [3, 4, 3, 2]}, 0.0, ("more failures",)),
        ({"failed": [0, 0, 0, 0]}, {"failed": [1, 0, 0, 0]}, 0.0, ()),
        ({"failed": [5, 6, 5, 6]}, {"failed": [6, 7, 6, 7]}, 50.0, ()),
        ({"attempts": [20, 20, 20, 20]}, {"attempts": [24, 23, 24, 25]}, 0.0, ("more load",)),
        ({"attempts": [20, 20, 20, 20]}, {"attempts": [24, 23, 24, 25]}, 50.0, ()),
        ({"attempts": [20, 20, 20, 20]}, {"attempts": [19, 20, 21, 20]}, 0.0, ()),
    ],
)
def test_more_failures_and_more_load_fail_too(tmp_path: Path, base, candidate, percent, reasons):
    """Although not a second was lost; as far as they are significant and beyond what is accepted."""
    for name, per_trial in (("base", base), ("candidate", candidate)):
        made(tmp_path / name, TWO)
        with_trials(tmp_path / name, "a", **per_trial)
    found = compare(tmp_path / "base", tmp_path / "candidate", fail_over_percent=percent)
    assert found.cells[0].reasons == reasons
    assert found.exit_code == int(bool(reasons))
    if reasons:
        assert f"{reasons[0]}: a" in found.to_text()


def test_summaries_of_before_trials_were_counted_are_compared_by_time_alone(tmp_path: Path):
    """They do not tell failures and load by trial."""
    made(tmp_path / "base", TWO)
    summary = json.loads((tmp_path / "base" / "summary.json").read_text())
    for name in ("failed_per_trial", "attempts_per_trial"):
        del summary["cells"][0][name]
    (tmp_path / "old.json").write_text(json.dumps(summary))
    assert compare(tmp_path / "old.json", tmp_path / "base").exit_code == 0


def test_what_was_not_found_is_said_with_what_would_have_been(runs):
    """As likely up as down: a change of so many per cent would have been seen."""
    found = runs({"a": [[10.0], [12.0], [11.0], [13.0]]}, {"a": [[10.5], [11.5], [11.2], [12.6]]})
    (cell,) = found.cells
    assert cell.verdict.startswith("no significant difference (4 trials could have seen a change of ")
    assert 0.05 < cell.smallest_change < 0.2
    assert f"{100 * cell.smallest_change:.2g} %" in cell.verdict


def test_many_cells_looked_at_together_are_corrected(tmp_path: Path):
    """A slow-down that fails alone is no finding among forty other noisy cells."""
    noisy, slower = [[10.2], [11.8], [11.1], [12.9]], [[10.6], [12.3], [11.7], [13.2]]
    base = dict.fromkeys((f"c{i}" for i in range(40)), BASE["a"])
    made(tmp_path / "base", base)
    made(tmp_path / "alone", {"c0": slower})
    made(tmp_path / "all", dict.fromkeys(base, noisy) | {"c0": slower})
    made(tmp_path / "one", {"c0": BASE["a"]})
    alone = compare(tmp_path / "one", tmp_path / "alone").cells[0]
    together = compare(tmp_path / "base", tmp_path / "all").cells[0]
    assert alone.ratio == together.ratio
    assert (alone.reasons, together.reasons) == (("slower",), ())
    assert together.p_slower == pytest.approx(40 * alone.p_slower, rel=1e-6)


def test_two_cells_of_one_run_are_compared(tmp_path: Path):
    """A slower one fails; a name that is not there is told with the nearest."""
    made(tmp_path / "run", {"fast": BASE["b"], "slow": BASE["a"]})
    found = compare_two_cells(tmp_path / "run", "fast", "slow")
    assert (found.cells[0].cell, found.cells[0].reasons) == ("fast -> slow", ("slower",))
    assert compare_two_cells(tmp_path / "run", "slow", "fast").exit_code == 0
    with pytest.raises(UserError, match="has no cell 'slwo'; did you mean 'slow'"):
        compare_two_cells(tmp_path / "run", "fast", "slwo")


def test_the_verdict_is_markdown_too(runs):
    """The sentence first, then the table, then what is missing."""
    text = runs(BASE, {"a": BASE["a"], "c": BASE["b"]}).to_markdown()
    assert text.startswith("**FAIL: no longer there: b;")
    assert "| a | 11.5 | 11.5 | 1.000 |" in text
    assert "- new in the candidate: c" in text


@pytest.mark.parametrize("n", [10, 30])
def test_a_against_a_is_hardly_ever_called_a_difference(n):
    """Of 1,000 unpaired comparisons of the article's totals with themselves at most 6 % are significant."""
    path = Path(__file__).parents[1] / "experiments" / "article" / "results" / "summary.json"
    for cell in json.loads(path.read_text())["cells"][1:]:
        totals = np.array(cell["total_s"]["per_trial"])
        rng = np.random.default_rng(7)
        found = 0
        for _ in range(1000):
            one, other = rng.choice(totals, n), rng.choice(totals, n)
            ratio = log_ratio(one.tolist(), other.tolist(), paired=False)
            found += ratio.p_differs() < 0.05
        assert found <= 60, cell["cell"]


def test_holm_by_hand():
    """Three p-values: the smallest times three, the next times two, never less than the one before."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_the_smallest_change_is_found_in_four_of_five():
    """By simulation: with a true change of that size, 80 % of comparisons are significant."""
    rng = np.random.default_rng(3)
    base = rng.normal(100, 10, (4000, 20))
    error = np.sqrt(2) * 0.1 / np.sqrt(20)
    change = LogRatio(Estimate(0.0, error, 38)).smallest_change()
    found = 0
    for row, other in zip(base, rng.normal(100, 10, (4000, 20)) * (1 + change), strict=True):
        ratio = log_ratio(other.tolist(), row.tolist(), paired=False)
        found += ratio.interval()[0] > 1
    assert 0.76 <= found / 4000 <= 0.84


def test_a_baseline_compares_as_the_whole_run_does(tmp_path: Path):
    """It holds all that a comparison looks at, and little else."""
    before = made(tmp_path / "before", {"a": [[10.0 + i] for i in range(12)], "b": [[5.0]] * 12})
    after = made(tmp_path / "after", {"a": [[14.0 + i] for i in range(12)], "b": [[5.0]] * 12})
    baseline(before.path, tmp_path / "ci" / "baseline.json")
    found = compare(tmp_path / "ci" / "baseline.json", after.path)
    assert found.to_json() == compare(before.path, after.path).to_json()
    assert found.cells[0].reasons == ("slower",)
    assert (tmp_path / "ci" / "baseline.json").stat().st_size < (before.path / "summary.json").stat().st_size / 4


def test_a_baseline_that_cannot_be_written_is_said(tmp_path: Path):
    """In one line."""
    run = made(tmp_path / "run", {"a": [[1.0]] * 3})
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="choose another file"):
        baseline(run.path, tmp_path / "file" / "baseline.json")
