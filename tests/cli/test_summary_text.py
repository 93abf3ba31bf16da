"""What a run says in a terminal, and what it tells to type next."""

import json
import shlex
from pathlib import Path

import pytest

from harness.analysis.quickest import quickest
from harness.analysis.speedups import add_speedups
from harness.cli.next import Budget, next_step, resume
from harness.config import compose
from harness.report import headline_text, published_text

ROOT = Path(__file__).parents[2]
SLOW = [100.0, 120.0, 90.0, 110.0, 105.0, 95.0, 130.0, 85.0, 100.0, 115.0]


def cell(name: str, totals: list[float], **more) -> dict:
    """A cell of a summary with these totals, for seeds from 0 on."""
    mean = sum(totals) / len(totals)
    return {
        "cell": name, "axes": {"strategy": name}, "seeds": list(range(len(totals))), "trials": len(totals),
        "requests": 1000, "failed": 0, "load": 1.0, "strategy": {"timeout": None},
        "total_s": {"mean": mean, "ci95": [mean - 1, mean + 1] if len(totals) > 1 else None, "per_trial": totals},
    } | more  # fmt: skip


def summary(*cells: dict, reference: str = "slow") -> dict:
    """A summary of these cells, with its speedups."""
    add_speedups(list(cells), reference)
    return {"experiment": "x", "reference": reference, "cells": list(cells), "warnings": []}


def times(factor: float, *, noise: float = 0.0) -> list[float]:
    """The slow totals times a factor, every other one a little longer."""
    return [total * factor * (1 + noise * (-1) ** number) for number, total in enumerate(SLOW)]


THREE = (cell("slow", SLOW), cell("quick", times(0.25, noise=0.02)), cell("middle", times(0.5, noise=0.01)))


def test_the_quickest_is_compared_with_each_of_the_others():
    """The nearest rival first, every factor with its interval, the reference marked."""
    text = headline_text(summary(*THREE))
    (start,) = [number for number, line in enumerate(text.splitlines()) if line == "Summary"]
    block = text.splitlines()[start:]
    assert block[1] == "  quick ran"
    assert block[2].startswith("    2.00 [1.")
    assert block[2].endswith("] times faster than middle")
    assert block[3].endswith("] times faster than slow (reference)")
    assert len(block) == 4


def test_the_verdict_comes_first_and_the_notes_last():
    """As they always did."""
    found = summary(*THREE) | {"warnings": [{"code": "x", "message": "careful", "advice": "look"}]}
    lines = headline_text(found).splitlines()
    assert lines[0].startswith("quick is 4.0x faster than slow")
    assert lines[-1] == "note: careful (look)"


def test_each_cell_has_its_mean_its_interval_and_its_range():
    """And how much failed, under which load."""
    row = next(line for line in headline_text(summary(*THREE)).splitlines() if line.startswith("slow "))
    assert row.split() == ["slow", "105.0", "[104.0,", "106.0]", "85.0", "…", "130.0", "0/1000", "1.000"]


def test_a_narrow_terminal_gets_two_lines_for_each_cell():
    """Nothing is broken in the middle of a row."""
    wide = headline_text(summary(*THREE), 200)
    narrow = headline_text(summary(*THREE), 65)
    assert wide == headline_text(summary(*THREE))
    assert max(map(len, narrow.splitlines())) <= 68
    assert " times faster than slow\n      (reference)" in headline_text(summary(*THREE), 50)
    assert "slow\n  105.0 s [104.0, 106.0], 85.0 … 130.0, 0/1000 failed, load 1.000\n" in narrow


def test_the_difference_from_the_reference_is_the_summarys_own():
    """One number for one thing, also turned round when the reference is the quickest."""
    found = summary(*THREE)
    (one,) = quickest(found["cells"])
    ratio = next(one for one in one.ratios if one.is_reference)
    assert list(ratio.ci95) == found["cells"][1]["speedup"]["ci95"]
    turned = summary(*THREE, reference="quick")
    (other,) = quickest(turned["cells"])
    low, high = next(cell["speedup"]["ci95"] for cell in turned["cells"] if cell["cell"] == "slow")
    assert next(one.ci95 for one in other.ratios if one.cell == "slow") == (1 / high, 1 / low)


def test_who_fails_more_than_the_reference_wins_nothing():
    """Giving up is soon done."""
    found = summary(THREE[0], cell("gives_up", times(0.1, noise=0.02), failed=300), THREE[2])
    (one,) = quickest(found["cells"])
    assert (one.cell, one.passed_over) == ("middle", ("gives_up",))
    text = headline_text(found)
    assert "  middle ran\n" in text
    assert "(quicker, but with more failures: gives_up)" in text


def test_part_of_an_answer_is_no_success():
    """A cell that took parts for the whole did not do the work either."""
    found = summary(THREE[0], cell("credulous", times(0.1, noise=0.02), short=200), THREE[2])
    assert quickest(found["cells"])[0].cell == "middle"


def test_who_did_more_of_the_work_is_marked():
    """Being slower than a reference that fails is no shame."""
    found = summary(cell("slow", times(0.2, noise=0.03), failed=350), cell("thorough", SLOW))
    assert "times faster than thorough, which fails less" in headline_text(found)


def test_a_difference_that_may_be_chance_is_no_difference():
    """It says so beside the factor."""
    found = summary(cell("slow", SLOW), cell("same", times(0.99, noise=0.2)))
    assert "times faster than slow (reference) (not significant)" in headline_text(found)


def test_cells_that_never_differ_are_as_fast_as_each_other():
    """No interval would be true."""
    found = summary(cell("slow", SLOW), cell("quick", times(0.25)), cell("twin", times(0.25)))
    assert "as fast as twin: none of 10 trials differs" in headline_text(found)


def test_one_trial_has_no_interval():
    """And gives the reason."""
    text = headline_text(summary(cell("slow", [100.0]), cell("quick", [10.0])))
    assert "10.00 times faster than slow (reference) (no interval: 1 trial in common, and an interval needs 3)" in text


def test_looking_at_many_cells_makes_chance_findings_no_significance():
    """The quickest is chosen by looking; all pairs that could have been looked at are corrected for."""
    near = [0.80, 0.84, 0.79, 0.86, 0.78, 0.90, 0.83, 0.88, 0.76, 0.91]
    pair = [cell("a", near), cell("b", [value + 0.03 * (-1) ** i + 0.025 for i, value in enumerate(near)])]
    others = [cell(f"other_{i}", times(1.0, noise=0.3 + i / 100)) for i in range(9)]
    alone = quickest(summary(*pair, reference="none")["cells"])[0].ratios[0]
    among = quickest(summary(*pair, *others, reference="none")["cells"])[0].ratios[0]
    assert (alone.cell, among.cell) == ("b", "b")
    assert alone.ci95 == among.ci95
    assert (alone.significant, among.significant) == (True, False)


def test_servers_are_not_compared_with_each_other():
    """The quickest behind each of them."""
    cells = [
        cell(f"{name},{profile}", times(factor, noise=0.02), axes={"strategy": name, "profile": profile})
        for profile, scale in (("calm", 0.1), ("bad", 1.0))
        for name, factor in (("slow", scale), ("quick", scale / 2))
    ]
    text = headline_text(summary(*cells, reference="slow,calm"))
    assert "  with profile=calm, quick,calm ran\n" in text
    assert "  with profile=bad, quick,bad ran\n" in text


def test_more_than_twelve_cells_are_a_table():
    """With their speedups, and no list of pairs."""
    cells = [cell("slow", SLOW), *(cell(f"other_{i}", times(0.5, noise=0.01 + i / 100)) for i in range(12))]
    for one in cells:
        one |= {"goodput": 1.0, "ttft_s": {"p50": 1.0, "p99": 1.0}, "batch_s": {"max": 1.0}}
    text = headline_text(summary(*cells))
    assert "1 (reference)" in text
    assert "Summary" not in text


def test_one_cell_is_compared_with_nothing():
    """There is no quickest of one."""
    assert "Summary" not in headline_text(summary(cell("slow", SLOW)))


def test_the_published_results_have_a_summary():
    """The one that everybody sees first."""
    found = json.loads((ROOT / "experiments/article/results/summary.json").read_text())
    assert "  article_10 ran\n    1.6" in headline_text(found)


def test_a_few_trials_ask_for_more_of_them():
    """Added to those there are, whatever the words said before."""
    few = summary(cell("slow", [100.0]), cell("quick", [10.0]))
    command, reason = next_step(few, ["article", "trials=1", "out=x", "report=false"], Path("run"))
    assert command == "harness run article report=false trials=20 out=run resume=true"
    assert reason == "1 trial decides little"


def test_a_sweep_of_timeouts_asks_for_the_best():
    """Three values are a sweep."""
    cells = [cell(f"timeout={t}", times(t / 40, noise=0.02), axes={"timeout": t}) for t in (40, 20, 10)]
    command, _ = next_step(summary(*cells, reference="timeout=40"), [], Path("run"))
    assert command == "harness tune run"


def test_a_significant_difference_is_held_on_to():
    """As the baseline of later runs."""
    assert next_step(summary(*THREE), [], Path("a run"))[0] == "harness baseline 'a run' ci/baseline.json"


def test_an_insignificant_one_asks_for_more_trials():
    """Four times as many halve the interval."""
    found = summary(cell("slow", SLOW), cell("same", times(0.99, noise=0.2)))
    command, _ = next_step(found, ["article", "matrix.strategy=[a,b]"], Path("run"))
    assert command == "harness run article 'matrix.strategy=[a,b]' trials=40 out=run resume=true"


def test_a_run_is_resumed_with_its_own_words():
    """But for where it is."""
    assert resume(["article", "out=a", "resume=true", "seed=3"], Path("b")) == (
        "harness run article seed=3 out=b resume=true"
    )


@pytest.mark.parametrize("name", ["läufe 2", "a=b", "it's", "a b", "[x]", "a,b"])
def test_the_advice_is_read_back_as_the_folder_that_it_names(name):
    """Hydra wants quotes of its own where a value is not plain."""
    words = shlex.split(resume([], Path(name)))
    assert compose(None, words[2:]).settings.out == name


def test_a_run_says_what_to_type_next(harness):
    """On stderr, and it works as it is."""
    words = ["article", "trials=1", "workload.batches=1", "workload.batch_size=3", "out=run", "report=false"]
    _, out, err = harness("run", *words)
    (line,) = [line for line in err.splitlines() if line.startswith("next: harness run ")]
    assert "next:" not in out
    assert "report: none was wanted; harness report run writes it" in err
    assert harness(*line.replace("trials=20", "trials=2").split()[2:])[0] == 0
    assert json.loads(Path("run/summary.json").read_text())["cells"][0]["trials"] == 2


def test_the_published_table_has_the_columns_that_fit():
    """A table that a terminal breaks is read by nobody; without a terminal it is whole."""
    ours = json.loads((ROOT / "experiments" / "article" / "results" / "summary.json").read_text())
    wide, narrow = published_text(ours), published_text(ours, 80)
    assert max(map(len, wide.splitlines())) > 80 >= max(map(len, narrow.splitlines()))
    assert narrow.splitlines()[1].split() == [
        "cell",
        "total,",
        "s",
        "95",
        "%",
        "interval",
        "speedup",
        "95",
        "%",
        "interval",
        "failed",
    ]
    assert published_text(ours, 15).splitlines()[1] == "cell"


def test_more_trials_ask_for_more_budget():
    """As much as they can send, or the command would be refused; what allows more stays as it is."""
    few = summary(cell("slow", [100.0]), cell("quick", [10.0]))
    words = ["article", "budget.max_requests=400"]
    command, _ = next_step(few, words, Path("run"), budget=Budget(400, a_trial=360))
    assert command == "harness run article trials=20 budget.max_requests=7200 out=run resume=true"
    command, _ = next_step(few, words, Path("run"), budget=Budget(7200, a_trial=360))
    assert command == "harness run article budget.max_requests=400 trials=20 out=run resume=true"


def test_a_number_of_trials_takes_the_place_of_a_precision():
    """With which it would be refused."""
    found = summary(cell("slow", SLOW), cell("same", times(0.99, noise=0.2)))
    command, _ = next_step(found, ["article", "trials=auto", "precision.within=0.1"], Path("run"))
    assert command == "harness run article trials=40 out=run resume=true"


def test_where_nothing_was_answered_nothing_is_to_be_repeated():
    """One cell that was answered is enough to go on."""
    silent = [cell(name, [1.0], failed=1000) for name in ("slow", "quick")]
    assert next_step(summary(*silent), [], Path("run")) is None
    silent[0]["failed"] = 999
    assert next_step(summary(*silent), [], Path("run")) is not None
