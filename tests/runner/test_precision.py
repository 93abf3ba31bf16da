"""`trials: auto` goes on until every cell is known well enough, and no further than it may."""

import json

import pytest

from harness.analysis import summarise
from harness.analysis.statistics import mean_interval
from harness.config import compose
from harness.config.schema import PILOT
from harness.errors import UserError
from harness.runner import open_folder, run_until_precise
from harness.runner.budget import check
from harness.runner.precision import Precision, precision
from harness.simulation import FromProfile, simulate

TINY = [
    "trials=auto",
    "profile=calm",
    "workload.batches=1",
    "workload.batch_size=4",
    "matrix.strategy=[article_10,restart_2]",
]


def play(tmp_path, *words, out="run"):
    experiment = compose("article", [*TINY, "reference=article_10", f"out={tmp_path / out}", *words])
    said: list[str] = []
    folder = open_folder(experiment)
    result, played = run_until_precise(experiment, folder, tell=said.append)
    assert result.exit_code == 0
    return folder, played, said


def test_what_is_known_after_the_pilot_ends_there(tmp_path):
    """No further trial than the thirty of the pilot."""
    folder, played, said = play(tmp_path, "precision.within=0.9")
    assert played.trials == PILOT == 30
    assert summarise(folder)["cells"][0]["trials"] == 30
    assert len(said) == 1
    assert said[0].startswith("after 30 trials every cell is known to +-")


def test_what_is_not_known_after_the_pilot_goes_on(tmp_path):
    """To as many trials as the interval asks for and a fifth more, in stages that leave no trace in the records."""
    folder, played, said = play(tmp_path, "precision.within=0.07")
    summary = summarise(folder)
    assert played.trials > 30
    assert {cell["trials"] for cell in summary["cells"]} == {played.trials}
    assert folder.manifest()["seeds"] == list(range(played.trials))
    assert all((c["total_s"]["ci95"][1] - c["total_s"]["ci95"][0]) / 2 <= 0.07 * c["total_s"]["mean"]
               for c in summary["cells"])  # fmt: skip
    assert "not_precise" not in {note["code"] for note in summary["warnings"]}
    assert "going on to" in said[0]
    words = [*TINY[1:], f"trials={played.trials}", "reference=article_10", f"out={tmp_path / 'fixed'}"]
    fixed = open_folder(compose("article", words))
    run_until_precise(compose("article", words), fixed)
    lines = [sorted((one.path / "records.jsonl").read_text().splitlines()) for one in (folder, fixed)]
    assert lines[0] == lines[1]


def test_it_ends_at_max_trials_and_says_so(tmp_path):
    """As a sentence and as a warning with advice."""
    folder, played, said = play(tmp_path, "precision.within=0.001", "precision.max_trials=33")
    assert played.trials == 33
    assert "allows no more" in said[-1]
    (note,) = [n for n in summarise(folder)["warnings"] if n["code"] == "not_precise"]
    assert "and +-0.1% was wanted" in note["message"]


def test_it_can_go_on_where_it_ended(tmp_path):
    """Resumed with more to spend, it plays what is missing only."""
    play(tmp_path, "precision.within=0.001", "precision.max_trials=31")
    folder, played, _ = play(tmp_path, "precision.within=0.001", "precision.max_trials=32", "resume=true")
    assert played.trials == 32
    keys = [(line["cell"], line["trial"], line["request"]) for line in folder.lines()]
    assert len(keys) == len(set(keys)) == 32 * 2 * 4


def test_the_budget_ends_it(tmp_path):
    """18 and 11 attempts a request at most, four requests in a trial of each cell: 116; a budget for 31 trials."""
    _, played, _ = play(tmp_path, "precision.within=0.001", f"budget.max_requests={116 * 32 - 1}")
    assert played.trials == 31


def test_a_budget_for_less_than_one_trial_is_refused():
    """As with a fixed number."""
    experiment = compose("article", [*TINY, "budget.max_requests=100"])
    with pytest.raises(UserError, match=r"more than budget\.max_requests=100"):
        check(experiment, confirm=None)


def test_the_ceiling_is_that_of_the_most_trials():
    """What may be sent is stated before, not what the pilot sends."""
    assert check(compose("article", [*TINY, "precision.max_trials=70"]), confirm=None).requests == 70 * 8


def test_the_worst_cell_decides():
    """Of totals all cells, of speedups all but the reference; no interval is worse than any."""
    cells = [
        {"cell": "a", "total_s": {"mean": 10.0, "ci95": [9.0, 11.0]}, "speedup": {"reference": "a", "mean": 1.0,
         "ci95": None}},
        {"cell": "b", "total_s": {"mean": 10.0, "ci95": [8.0, 12.0]}, "speedup": {"reference": "a", "mean": 2.0,
         "ci95": [1.9, 2.1]}},
    ]  # fmt: skip
    found = precision({"cells": cells}, "total", 0.1)
    assert (found.worst, found.width, found.reached) == ("b", pytest.approx(0.2), False)
    found = precision({"cells": cells}, "speedup", 0.1)
    assert (found.worst, found.width, found.reached) == ("b", pytest.approx(0.05), True)
    cells[1]["speedup"]["ci95"] = None
    found = precision({"cells": cells}, "speedup", 0.1)
    assert (found.worst, found.width, found.reached, found.trials(30)) == ("b", None, False, 60)
    assert "has no interval" in found.words


def test_four_times_the_interval_asks_for_sixteen_times_the_trials():
    """And a fifth more; never fewer than fifteen more."""
    assert Precision("a", 0.2, 0.05).trials(30) == 576
    assert Precision("a", 0.051, 0.05).trials(30) == 45


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("trials=many", "trials: a number of trials, or auto"),
        ("trials=0", "trials: should be greater than or equal to 1"),
        ("precision.within=2", "precision.within: should be less than 1"),
        ("precision.metric=median", "precision.metric: no such choice"),
        ("precision.max_trials=0", "precision.max_trials: should be greater than or equal to 1"),
    ],
)
def test_what_is_no_precision_is_refused(word, text):
    """One line."""
    with pytest.raises(UserError, match=text):
        compose("article", [word])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "within"), [("restart_2", 0.02), ("restart_3", 0.02), ("hedge_2", 0.08)])
def test_the_rule_does_not_bias_the_interval(name, within):
    """A thousand simulated runs that stop by it: their last interval holds the truth in 93 to 97 %."""
    cell = compose(None, [f"strategy={name}"]).cells[0]
    totals = simulate(cell.strategy, FromProfile(cell.profile, 9), trials=102_000).totals
    truth, held, lengths = totals.mean(), 0, []
    for start in range(0, 100_000, 100):
        trials = PILOT
        while True:
            values = totals[start : start + trials].tolist()
            low, high = mean_interval(values)
            known = Precision("a", (high - low) / 2 / (sum(values) / trials), within)
            if known.reached:
                break
            trials = known.trials(trials)
        held += low <= truth <= high
        lengths.append(trials)
    assert len(set(lengths)) > 10
    assert 0.93 <= held / 1_000 <= 0.97


def test_the_manifest_says_how_far_it_came(tmp_path):
    """For whoever reads the folder later."""
    folder, _, _ = play(tmp_path, "precision.within=0.9")
    known = json.loads((folder.path / "manifest.json").read_text())["precision"]
    assert known["within"] == 0.9
    assert known["worst"] in {"article_10", "restart_2"}
    assert 0 < known["width"] <= 0.9
