"""What a fault did to a cell, by hand."""

from pathlib import Path

import pytest

from harness.analysis import summarise
from harness.analysis.effects import ranked, standings
from harness.analysis.speedups import add_speedups
from harness.storage import RunFolder
from tests.folders import PROFILE, STRATEGY, manifest, outcome


def folder(path: Path, **totals: list[tuple[float, str, int]]) -> RunFolder:
    """Cells `strategy__fault` of requests with a time, an outcome and a number of tokens."""
    found = RunFolder.create(path / "run", "made")
    about = {}
    for name in totals:
        strategy, fault = name.split("__")
        about[f"{strategy},fault={fault}"] = {
            "axes": {"strategy": strategy, "fault": fault},
            "strategy": STRATEGY | {"name": strategy},
            "max_tokens": 3,
        }
    found.write_manifest(manifest(about, max(map(len, totals.values()))))
    for name, requests in totals.items():
        cell = name.replace("__", ",fault=")
        for number, (took, how, tokens) in enumerate(requests):
            found.append(outcome(cell, 0, 0, number, 0.0, took, outcome=how, tokens=tokens))
    found.close()
    return found


CALM = [(2.0, "ok", 3), (1.0, "ok", 3)]


@pytest.mark.parametrize(
    ("struck", "grade", "slowdown", "failed"),
    [
        ([(2.5, "ok", 3), (1.0, "ok", 3)], "unharmed", 1.25, 0.0),
        ([(3.0, "ok", 3), (1.0, "ok", 3)], "slower", 1.5, 0.0),
        ([(20.0, "ok", 3), (1.0, "ok", 3)], "stuck", 10.0, 0.0),
        ([(2.0, "timeout", 0), (1.0, "ok", 3)], "fails", 1.0, 0.5),
        ([(2.0, "unfinished", 0), (1.0, "timeout", 0)], "hangs", 1.0, 1.0),
        ([(2.0, "ok", 2), (1.0, "timeout", 0)], "wrong", 1.0, 0.5),
    ],
)
def test_the_worst_that_is_true_is_the_grade(tmp_path: Path, struck, grade, slowdown, failed):
    """Compared with the same strategy without a fault."""
    summary = summarise(folder(tmp_path, a__none=CALM, a__stall=struck))
    calm, cell = summary["cells"]
    assert cell["effect"] == {"grade": grade, "slowdown": slowdown, "failed": failed}
    assert calm["effect"] == {"grade": "unharmed", "slowdown": 1.0, "failed": 0.0}


@pytest.mark.parametrize(
    ("changes", "short"),
    [({}, 1), ({"profiles": [PROFILE | {"tokens_per_chunk": 2}]}, None), ({"profiles": []}, None)],
)
def test_what_passes_for_a_whole_answer_is_counted_where_its_length_is_known(tmp_path: Path, changes, short):
    """Not behind a real API, and not where a chunk is more than a token."""
    run = folder(tmp_path, a__none=[(2.0, "ok", 2), (1.0, "ok", 3)])
    run.update_manifest(**changes)
    (cell,) = summarise(run)["cells"]
    assert cell["short"] == short


def test_strategies_stand_by_what_they_get_through(tmp_path: Path):
    """Answering everything counts first, then being slowed down little: 4.5 times twice, or once of two."""
    fails, slow = [(2.0, "timeout", 0)], [(9.0, "ok", 3)] * 2
    cells = summarise(
        folder(
            tmp_path, a__none=CALM, a__stall=fails, a__drip=CALM, b__none=CALM, b__stall=slow, b__drip=slow,
            c__none=CALM, c__stall=slow, c__drip=CALM,
        )
    )["cells"]  # fmt: skip
    found = standings(cells)
    assert [(one.name, one.answered, one.count("unharmed")) for one in found] == [("a", 1, 1), ("b", 2, 0), ("c", 2, 1)]
    assert [one.name for one in ranked(found)] == ["c", "b", "a"]
    assert [one.slowdown for one in found] == pytest.approx([1.0, 4.5, 4.5**0.5])


def test_an_interrupted_cell_is_not_called_unharmed(tmp_path: Path):
    """Half of its requests are missing, so it has no total to compare."""
    cells = summarise(folder(tmp_path, a__none=CALM, a__stall=CALM[:1]))["cells"]
    assert "effect" not in cells[1]


def test_without_the_axis_there_is_no_effect(tmp_path: Path):
    """Nor without a cell that was spared."""
    (cell,) = summarise(folder(tmp_path, a__stall=CALM))["cells"]
    assert "effect" not in cell
    assert standings([cell]) == []


def test_a_cell_is_compared_with_the_reference_behind_its_own_server():
    """Twice as fast with stalls, half as fast without: never one server against the other."""

    def cell(strategy: str, profile: str, total: float) -> dict:
        totals = {"mean": total, "per_trial": [total]}
        axes = {"strategy": strategy, "profile": profile}
        return {"cell": f"{strategy},{profile}", "axes": axes, "seeds": [0], "total_s": totals}

    cells = [cell("a", "x", 10.0), cell("b", "x", 5.0), cell("a", "y", 1.0), cell("b", "y", 2.0)]
    add_speedups(cells, "a,x")
    assert [(c["speedup"]["reference"], c["speedup"]["mean"]) for c in cells] == [
        ("a,x", 1.0), ("a,x", 2.0), ("a,y", 1.0), ("a,y", 0.5),
    ]  # fmt: skip


def test_without_its_reference_a_cell_has_no_speedup():
    """The reference was played behind another server only."""
    axes = {"strategy": "b", "profile": "y"}
    cells = [{"cell": "b,y", "axes": axes, "seeds": [0], "total_s": {"mean": 1.0, "per_trial": [1.0]}}]
    add_speedups(cells, "a,x")
    assert cells[0]["speedup"] == {
        "reference": None,
        "mean": None,
        "ci95": None,
        "significant": None,
        "why_not": None,
    }
