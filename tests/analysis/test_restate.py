"""Published results follow today's formulas as far as they hold what those need."""

from pathlib import Path

import pytest

from harness.analysis import restate
from harness.report import write_report
from harness.storage import RunFolder
from tests.folders import PROFILE, Totals, made

RUN: Totals = {"slow": [[9.0 + i, 11.0] for i in range(12)], "fast": [[2.0, 3.0 + i / 10] for i in range(12)]}


@pytest.fixture
def published(tmp_path: Path) -> RunFolder:
    made(tmp_path / "run", RUN).publish(tmp_path / "results")
    folder = RunFolder.open(tmp_path / "results")
    folder.write_config(folder.config() | {"profile": PROFILE})
    return folder


def test_results_that_are_up_to_date_are_left_alone(published):
    """Not a byte changes, nor the time of the file."""
    before = (published.path / "summary.json").stat().st_mtime_ns
    assert restate(published) == published.summary()
    assert (published.path / "summary.json").stat().st_mtime_ns == before


def test_intervals_speedups_and_bounds_of_old_results_are_computed_anew(published):
    """As a summary of the records has them; what is measured stays."""
    whole = published.summary()
    old = published.summary()
    for cell in old["cells"]:
        cell["total_s"]["ci95"] = [0.0, 1.0]
        cell["speedup"] = {"mean": 1.0, "ci95": None, "significant": False}
        del cell["bounds"]
    published.write_summary(old)
    assert restate(published) == whole
    assert published.summary() == whole


def test_a_report_of_published_results_shows_them(published, tmp_path):
    """Whoever rebuilds it need not know."""
    old = published.summary()
    old["cells"][1]["total_s"]["ci95"] = [0.0, 1.0]
    published.write_summary(old)
    text = Path(write_report(published, tmp_path / "out").index).read_text()
    assert "[0.0, 1.0]" not in text
    assert published.summary()["cells"][1]["total_s"]["ci95"] != [0.0, 1.0]
