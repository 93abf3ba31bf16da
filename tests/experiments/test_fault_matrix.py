"""What each strategy comes to under each fault is written down, published, and what happens."""

import json
from functools import cache
from pathlib import Path

import pytest
import yaml

from harness.analysis import summarise
from harness.analysis.effects import GRADES
from harness.config import compose
from harness.faults import catalogue
from harness.presets import members
from harness.runner import run
from harness.runner.folder import open_folder

HERE = Path(__file__).parents[2] / "experiments" / "fault_matrix"
EXPECTED = yaml.safe_load((HERE / "expected.yaml").read_text())
#: The published client and the recommended one; the rest is held to the published results.
REPLAYED = ["article_10", "adaptive"]


def grade(fault: str, strategy: str) -> str:
    """What is expected of a strategy under a fault."""
    lines = {name: names for name, names in EXPECTED[fault].items() if name in GRADES}
    named = [name for name, names in lines.items() if names != "others" and strategy in names]
    return (named or [name for name, names in lines.items() if names == "others"])[0]


@cache
def published() -> dict[tuple[str, str], dict]:
    cells = json.loads((HERE / "results" / "summary.json").read_text())["cells"]
    return {(cell["axes"]["fault"], cell["axes"]["strategy"]): cell for cell in cells}


def test_every_fault_meets_every_strategy():
    """In the matrix, in the expectations and in the results; with its reason."""
    matrix = compose("fault_matrix").settings.matrix
    assert set(matrix["fault"]) == set(catalogue()) | {"none"}
    assert set(matrix["strategy"]) == set(members("strategy"))
    assert set(EXPECTED) == set(catalogue())
    assert set(published()) == {(fault, strategy) for fault in matrix["fault"] for strategy in matrix["strategy"]}
    assert all(set(lines) - set(GRADES) == {"why"} and lines["why"] for lines in EXPECTED.values())


@pytest.mark.parametrize("fault", EXPECTED)
def test_the_published_results_are_what_is_expected(fault):
    """Each strategy's grade under the fault."""
    found = {strategy: cell["effect"]["grade"] for (under, strategy), cell in published().items() if under == fault}
    assert found == {strategy: grade(fault, strategy) for strategy in found}


def test_no_part_of_an_answer_ever_passed_for_the_whole():
    """Whatever the fault: an answer that counts as one has all of its sixteen tokens."""
    assert {cell["short"] for cell in published().values()} == {0}


def test_the_recommended_strategy_is_nowhere_the_worst():
    """Under each fault another one fails as many requests or more, and if as many, takes as long or longer."""

    def harm(cell: dict) -> tuple[float, float]:
        return cell["effect"]["failed"], cell["effect"]["slowdown"]

    for fault in EXPECTED:
        others = [harm(cell) for (under, name), cell in published().items() if under == fault and name != "adaptive"]
        assert harm(published()[fault, "adaptive"]) <= max(others), fault


def replay(strategy: str, faults: list[str], folder: Path) -> dict[str, dict]:
    """Cells of one strategy, played as they were for the published results."""
    words = [f"matrix.strategy=[{strategy}]", f"matrix.fault=[{','.join(['none', *faults])}]"]
    experiment = compose("fault_matrix", [*words, f"out={folder}", "report=false"])
    run_folder = open_folder(experiment)
    run(experiment, run_folder)
    return {cell["axes"]["fault"]: cell for cell in summarise(run_folder, bounds=False)["cells"]}


def check(strategy: str, faults: list[str], folder: Path) -> None:
    cells = replay(strategy, faults, folder)
    for fault in faults:
        assert cells[fault]["effect"]["grade"] == grade(fault, strategy), fault
        assert cells[fault]["total_s"] == published()[fault, strategy]["total_s"], fault


#: One of each sort: no connection, silence, status, endless noise, a part, a healthy pause, an unusual ending.
SORTS = ["connect_refused", "hang_before_headers", "rate_limit_storm", "ping_events", "silent_truncation"]
SORTS += ["slow_prompt", "usage_chunk"]


def test_the_recommended_strategy_does_what_was_published(tmp_path):
    """A fault of each sort, to the nanosecond."""
    check("adaptive", SORTS, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("strategy", REPLAYED)
def test_strategies_do_what_was_published(strategy, tmp_path):
    """Under every fault."""
    check(strategy, list(EXPECTED), tmp_path / "run")
