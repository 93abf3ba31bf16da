"""Charts that set strategies against each other: what they cost, and what faults do to them."""

from pathlib import Path

import pytest

from harness.plots import CostAndSpeed, Data, FaultMatrix, TotalsAndSpeedup
from harness.plots.base import save
from harness.plots.cost import spread
from harness.report import verdict
from tests.folders import data, made


def loaded(tmp_path: Path, loads: dict[str, tuple[float, float, int]]) -> Data:
    """Cells of one request with a total, a load and a number of failures."""
    found = data(made(tmp_path / "run", {name: [[total]] for name, (total, *_) in loads.items()}))
    for cell in found.summary["cells"]:
        _, cell["load"], cell["failed"] = loads[cell["cell"]]
    return found


LOADS = {
    "none": (100.0, 1.0, 0),
    "good": (10.0, 1.03, 0),
    "beaten": (20.0, 1.05, 0),
    "hasty": (5.0, 1.01, 1),
    "dear": (8.0, 2.0, 0),
}


def test_cost_and_speed_joins_what_nothing_beats(tmp_path: Path):
    """Neither what is slower and dearer than another, nor what is quick because it gives up."""
    found = loaded(tmp_path, LOADS)
    assert CostAndSpeed.applies(found)
    chart = CostAndSpeed(found)
    assert [point.name for point in chart.points if point.best] == ["none", "good", "dear"]
    assert [point.name for point in chart.points if point.fails] == ["hasty"]
    assert [round(point.extra, 6) for point in chart.points] == [0.0, 3.0, 5.0, 1.0, 100.0]
    assert chart.title == "dear: 8.0 s for 100.0 % more attempts"
    assert all(path.stat().st_size > 1000 for path in save(chart, tmp_path / "figures"))


def test_cost_and_speed_says_when_nothing_helps(tmp_path: Path):
    """All that is quicker than the reference fails more."""
    found = loaded(tmp_path, {"none": (9.0, 1.0, 0), "dear": (10.0, 1.5, 0), "hasty": (5.0, 1.01, 1)})
    assert CostAndSpeed(found).title == "Nothing that answers as much is quicker than none: 9.0 s"


def test_cost_and_speed_says_nothing_where_all_cost_the_same(tmp_path: Path):
    """Nor across servers, whose totals do not compare."""
    same = loaded(tmp_path / "1", {name: (total, 1.0, 0) for name, (total, *_) in LOADS.items()})
    assert not CostAndSpeed.applies(same)
    servers = loaded(tmp_path / "2", LOADS)
    servers.summary["cells"][0]["profile"] = "another"
    assert not CostAndSpeed.applies(servers)


def test_a_sweep_has_charts_of_its_own(tmp_path: Path):
    """Neither dots of cost nor rows of totals for each of twelve timeouts."""
    cells = {f"timeout={t}": {"axes": {"timeout": t}} for t in range(1, 13)}
    found = data(made(tmp_path / "run", {name: [[2.0]] for name in cells}, about=cells))
    for place, cell in enumerate(found.summary["cells"]):
        cell["load"] = 1 + place / 10
    assert not CostAndSpeed.applies(found)
    assert not TotalsAndSpeedup.applies(found)
    for cell in found.summary["cells"]:
        cell["axes"] = {"strategy": cell["cell"]}
    assert CostAndSpeed.applies(found)
    assert TotalsAndSpeedup.applies(found)


@pytest.mark.parametrize(
    ("heights", "moved"),
    [
        ([0.1, 0.5, 0.9], [0.1, 0.5, 0.9]),
        ([0.5, 0.5], [0.45, 0.55]),
        ([0.5, 0.5, 0.58], [0.5 + 0.08 / 3 - 0.1, 0.5 + 0.08 / 3, 0.5 + 0.08 / 3 + 0.1]),
        ([], []),
    ],
)
def test_labels_are_spread_about_their_middle(heights, moved):
    """Those that are far enough apart stay where they are."""
    assert spread(heights, 0.1) == pytest.approx(moved)


def faced(tmp_path: Path) -> Data:
    """Two strategies, three faults: one of the cells fails."""
    axes = {f"{s},fault={f}": {"strategy": s, "fault": f} for s in ("a", "b") for f in ("none", "stall", "drip", "rst")}
    totals = {name: [[4.0 if cell["fault"] == "stall" else 2.0]] for name, cell in axes.items()}
    found = data(made(tmp_path / "run", totals, about={name: {"axes": cell} for name, cell in axes.items()}))
    struck = next(cell for cell in found.summary["cells"] if cell["cell"] == "a,fault=rst")
    struck["effect"] = {"grade": "fails", "slowdown": 1.0, "failed": 0.12}
    return found


def test_the_fault_matrix_shows_a_grade_for_each_pair(tmp_path: Path):
    """Faults down, strategies across, in the order of the matrix; the title names the best."""
    found = faced(tmp_path)
    assert FaultMatrix.applies(found)
    chart = FaultMatrix(found)
    assert (chart.faults, [one.name for one in chart.found]) == (["stall", "drip", "rst"], ["a", "b"])
    grades = [[effect["grade"] if effect else None for effect in row] for row in chart.table]
    assert grades == [["slower", "slower"], ["unharmed", "unharmed"], ["fails", "unharmed"]]
    assert chart.title == "b answers every request under 3 of 3 faults, 1.3 times slower on average"
    assert all(path.stat().st_size > 1000 for path in save(chart, tmp_path / "figures"))


def test_the_verdict_of_a_fault_matrix_is_about_faults(tmp_path: Path):
    """Not about one cell that is faster than another behind a different server."""
    assert verdict(faced(tmp_path).summary) == (
        "b answers every request under 3 of 3 faults, 1.3 times slower than without any (geometric mean); "
        "a under 2, 1.3 times slower. No part passes for the whole."
    )


def test_without_faults_there_is_no_fault_matrix(tmp_path: Path):
    """As in most experiments."""
    assert not FaultMatrix.applies(data(made(tmp_path / "run", {"a": [[1.0]], "b": [[2.0]]})))
