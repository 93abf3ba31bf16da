"""Runs whose requests came of themselves are judged by latency, not by how long they came."""

from pathlib import Path

import pytest

from harness.analysis import finish
from harness.compare import compare
from harness.plots import charts_for
from harness.plots.base import save
from harness.report import headline_text, write_report
from harness.report.tables import OPEN_HEADER, headline
from harness.report.verdict import verdict
from harness.storage import RunFolder
from tests.folders import STRATEGY, data, made, manifest, outcome

OPEN = {"arrivals": "2 a second, evenly"}


def opened(path: Path, latencies: dict[str, list[list[float]]], *, about=None, late: float = 0.0) -> RunFolder:
    """A run whose requests come every half second and take so long; `late` is how long the last one waits."""
    folder = RunFolder.create(path, "made")
    count = max(len(trial) for trials in latencies.values() for trial in trials)
    folder.write_config({"trials": 1, "out": str(path)})
    folder.write_manifest(manifest({name: OPEN | (about or {}).get(name, {}) for name in latencies}, count))
    for name, trials in latencies.items():
        for trial, own in enumerate(trials):
            for number, took in enumerate(own):
                waited = {"released_s": number / 2 + late} if late and number == len(own) - 1 else {}
                folder.append(outcome(name, trial, 0, number, number / 2, took, **waited))
    folder.close()
    finish(folder)
    return folder


SLOW_AND_FAST = {"slow": [[4.0, 8.0], [4.0, 8.4], [4.0, 7.6]], "fast": [[2.0, 4.0], [2.0, 4.1], [2.0, 3.9]]}


def test_cells_are_compared_by_mean_latency(tmp_path: Path):
    """Twice as fast is twice the latency, though the trials take about as long as requests come."""
    summary = opened(tmp_path / "run", SLOW_AND_FAST).summary()
    slow, fast = summary["cells"]
    assert slow["mean_latency_s"]["per_trial"] == [6.0, 6.2, 5.8]
    assert slow["total_s"]["per_trial"] == [8.5, 8.9, 8.1]
    assert fast["speedup"]["mean"] == pytest.approx(2.0)
    assert fast["speedup"]["significant"]
    assert fast["arrivals"] == OPEN["arrivals"]


def test_nothing_of_it_is_in_the_summary_of_a_closed_loop(tmp_path: Path):
    """Those of before stay as they were."""
    [cell] = made(tmp_path / "run", {"a": [[1.0]]}).summary()["cells"]
    assert not {"arrivals", "mean_latency_s", "waited_s"} & cell.keys()


def test_who_waited_for_a_slot_is_counted(tmp_path: Path):
    """From when it was due until it was released."""
    [cell] = opened(tmp_path / "run", {"a": [[1.0] * 9 + [5.0]]}, late=2.0).summary()["cells"]
    assert cell["waited_s"] == {"p50": 0.0, "p99": pytest.approx(1.82), "max": 2.0}


def test_the_verdict_names_the_slow_requests(tmp_path: Path):
    """Of fewer than a hundred the slowest."""
    summary = opened(tmp_path / "run", SLOW_AND_FAST).summary()
    text = verdict(summary)
    assert text.startswith("The slowest request takes 8.4 s with slow and 4.1 s with fast, 2.0 times [")
    assert text.endswith("less on average.")
    assert headline(summary)[0] == OPEN_HEADER
    assert "fast answered, on average," in headline_text(summary)
    many = opened(tmp_path / "many", {"a": [[1.0] * 98 + [9.0] * 2]}).summary()
    assert verdict(many) == "One request in a hundred takes more than 9.0 s with a."


def test_rates_have_a_chart_and_references_of_their_own(tmp_path: Path):
    """Latency against the rate; two rates are never compared with each other."""
    times = {"slow": 4.0, "fast": 2.0}
    latencies, about = {}, {}
    for name, took in times.items():
        for rate in (1, 5):
            cell = f"{name},rate={rate}"
            latencies[cell] = [[took + rate] * 4] * 2
            about[cell] = {"axes": {"strategy": name, "rate": rate}, "strategy": STRATEGY | {"name": name}}
    folder = opened(tmp_path / "run", latencies, about=about)
    found = data(folder)
    references = [cell["speedup"]["reference"] for cell in found.summary["cells"]]
    assert references == ["slow,rate=1", "slow,rate=5"] * 2
    charts = {chart.name: chart for chart in charts_for(found)}
    assert "rate_sweep" in charts
    assert "batch_timings" not in charts
    chart = charts["rate_sweep"]
    assert [row[:5] for row in chart.rows()] == [
        ("slow", 1.0, "slow,rate=1", 5.0, 5.0), ("slow", 5.0, "slow,rate=5", 9.0, 9.0),
        ("fast", 1.0, "fast,rate=1", 3.0, 3.0), ("fast", 5.0, "fast,rate=5", 7.0, 7.0),
    ]  # fmt: skip
    assert chart.title == "At 5 requests a second one in a hundred takes more than 9.0 s with slow, 7.0 s with fast"
    assert all(path.stat().st_size > 1000 for path in save(chart, tmp_path / "figures"))
    assert verdict(found.summary).startswith(
        "With rate=1 the slowest request takes 5.0 s with slow and 3.0 s with fast"
    )


def test_there_are_no_bounds_and_no_warning_of_omission(tmp_path: Path):
    """Nobody waited for an answer before sending on; and why there are no bounds is told."""
    about = {"a": {"target": "openai"}}
    folder = opened(tmp_path / "run", {"a": [[1.0] * 99 + [500.0]]}, about=about)
    summary = folder.summary()
    assert "come of themselves" in summary["cells"][0]["bounds"]["why_not"]
    assert "coordinated_omission" not in {note["code"] for note in summary["warnings"]}
    page = write_report(folder, tmp_path / "report").index.with_name("report.md").read_text()
    assert "their time counts from\nwhen they were due" in page
    assert "x no stalls" not in page


def test_two_runs_are_compared_by_latency(tmp_path: Path):
    """Half the latency is faster, whatever the totals."""
    slow = opened(tmp_path / "base", {"a": SLOW_AND_FAST["slow"]})
    fast = opened(tmp_path / "candidate", {"a": SLOW_AND_FAST["fast"]})
    [cell] = compare(slow.path, fast.path, fail_over_percent=10).cells
    assert cell.ratio == pytest.approx(0.5)
