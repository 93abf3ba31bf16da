"""The page carries what its script draws from, whatever the run is like."""

import csv
import hashlib
import json
from pathlib import Path

import pytest

from harness.analysis import finish
from harness.analysis.timelines import COLUMNS, timelines, worth_showing
from harness.errors import UserError
from harness.plots import Chart, Timeline, TtftTail, charts_for
from harness.plots.timeline import parts_of, patience_s
from harness.records import Attempt
from harness.report import pages as page_writer
from harness.report import payload as payloads
from harness.report import publish, write_report
from harness.storage import RunFolder
from tests.folders import Totals, data, embedded, made, manifest, outcome

TWO: Totals = {"slow": [[9.0, 11.0], [8.0, 12.0]], "fast": [[2.0, 3.0], [2.5, 3.5]]}


def page_of(folder: RunFolder, out: Path, **options) -> str:
    return write_report(folder, out, **options).index.read_text()


def raced(path: Path) -> RunFolder:
    """One batch of three requests: one answered at once, one restarted, one hedged."""
    folder = RunFolder.create(path, "made")
    folder.write_config({"trials": 1, "out": str(path)})
    folder.write_manifest(manifest({"only": {}}, 3))
    restarted = (
        Attempt(1, "first", "timeout", send_s=5.0, end_s=15.0),
        Attempt(2, "retry", "ok", send_s=15.5, end_s=17.0, first_content_s=16.5, last_content_s=17.0),
    )
    hedged = (
        Attempt(1, "first", "cancelled", send_s=5.0, end_s=8.0),
        Attempt(2, "hedge", "ok", send_s=7.0, end_s=8.0, first_content_s=7.5, last_content_s=8.0),
    )
    for request, attempts, took in ((0, None, 1.0), (1, restarted, 12.0), (2, hedged, 3.0)):
        changes = {} if attempts is None else {"attempts": attempts, "winner": 2}
        folder.append(outcome("only", 0, 0, request, 5.0, took, **changes))
    folder.close()
    finish(folder)
    return folder


def test_the_page_has_the_data_of_every_figure(tmp_path: Path):
    """The same that the file beside it holds, to six digits."""
    folder = made(tmp_path / "run", TWO)
    page = page_of(folder, tmp_path / "out")
    figures = embedded(page)["figures"]
    assert set(figures) == {chart.name for chart in charts_for(data(folder))}
    for name, figure in figures.items():
        with (tmp_path / "out" / "figures" / f"{name}.csv").open(newline="") as file:
            header, *rows = csv.reader(file)
        assert header == list(figure["columns"])
        assert rows
        for column, values in zip(header, zip(*rows, strict=True), strict=True):
            shown = figure["columns"][column]
            for carried, written in zip(shown, values, strict=True):
                if isinstance(carried, float):
                    assert carried == pytest.approx(float(written), rel=1e-5), column
                else:
                    assert ("" if carried is None else str(carried)) == written, column


def test_every_registered_chart_names_its_columns():
    """A chart without would fail only in the run that has it."""
    assert len(Chart._register) >= 9
    for chart in Chart._register:
        assert chart.columns, chart.name


def test_the_pages_script_draws_every_chart_of_the_harness():
    """A chart of one's own is shown as a picture instead."""
    assert page_writer.drawn_by_script() == {
        chart.name for chart in Chart._register if chart.__module__.startswith("harness.")
    }


def test_a_chart_that_the_script_does_not_know_is_shown_as_a_picture(tmp_path: Path, monkeypatch):
    """So that a Python class is all that a new chart needs."""
    monkeypatch.setattr(page_writer, "drawn_by_script", lambda: frozenset({"timeline", "totals"}))
    page = page_of(made(tmp_path / "run", TWO), tmp_path / "out")
    assert page.count('src="data:image/svg+xml;base64,') == 3


def test_timelines_tell_first_attempts_retries_hedges_and_stalls_apart(tmp_path: Path):
    """Instants count from the release of the batch; what overlaps an earlier attempt runs in a lane of its own."""
    folder = raced(tmp_path / "run")
    found = timelines(folder, [("only", 0, 0)])
    assert tuple(found.columns) == COLUMNS
    parts, lost = parts_of(found, {"only": 4.0})
    assert list(parts[["request", "attempt", "lane", "part", "from_s", "to_s"]].itertuples(index=False, name=None)) == [
        (0, 1, 0, "first", 0.0, 0.5), (0, 1, 0, "answer", 0.5, 1.0),
        (1, 1, 0, "first", 0.0, 4.0), (1, 1, 0, "stall", 4.0, 10.0),
        (1, 2, 0, "retry", 10.5, 11.5), (1, 2, 0, "answer", 11.5, 12.0),
        (2, 1, 0, "first", 0.0, 3.0), (2, 2, 1, "hedge", 2.0, 2.5), (2, 2, 1, "answer", 2.5, 3.0),
    ]  # fmt: skip
    assert list(lost[["request", "attempt", "outcome", "end_s"]].itertuples(index=False, name=None)) == [
        (1, 1, "timeout", 10.0), (2, 1, "cancelled", 3.0),
    ]  # fmt: skip


def test_a_stall_is_five_times_the_median_time_to_first_content(tmp_path: Path):
    """Of the cell: 0.5, 2.5 and 11.5 s, retries included."""
    assert patience_s(data(raced(tmp_path / "run"))) == {"only": 12.5}


def test_silence_after_the_last_token_is_a_stall_too(tmp_path: Path):
    """A server that does not close the stream holds its request up."""
    found = timelines(raced(tmp_path / "run"), [("only", 0, 0)])
    found.loc[found["request"] == 0, ["last_content_s", "end_s"]] = (1.0, 9.0)
    parts, _ = parts_of(found[found["request"] == 0], {"only": 4.0})
    assert list(parts["part"]) == ["first", "answer", "stall"]


def test_records_and_tables_give_the_same_timelines(tmp_path: Path):
    """The tables are quicker; an unfinished run has records only."""
    folder = raced(tmp_path / "run")
    of_tables = timelines(folder, [("only", 0, 0)])
    (folder.path / "attempts.parquet").unlink()
    assert timelines(folder, [("only", 0, 0)]).equals(of_tables)


def test_the_timeline_says_whom_the_batch_waited_for(tmp_path: Path):
    """In its title."""
    (chart,) = (chart for chart in charts_for(data(raced(tmp_path / "run"))) if isinstance(chart, Timeline))
    assert chart.title == "Batch 1: 3 of 3 requests end within 12.0 s, all within 12.0 s with only"


def test_the_most_telling_batches_come_first(tmp_path: Path):
    """The reference's slowest of the shown trial in every cell, each cell's own, its slowest of all, and the others."""
    folder = made(tmp_path / "run", {"a": [[1.0, 5.0], [9.0, 2.0]], "b": [[2.0, 1.0], [1.0, 1.0]]})
    drawn = data(folder)
    shown = worth_showing(drawn.batches, drawn.summary, trial=0, most_attempts=4)
    assert shown == [("a", 0, 1), ("b", 0, 1), ("b", 0, 0), ("a", 1, 0)]
    assert len(worth_showing(drawn.batches, drawn.summary, trial=0, most_attempts=100)) == 8
    assert worth_showing(drawn.batches, drawn.summary, trial=1, most_attempts=1) == [("a", 1, 0)]


def test_first_content_has_a_tail_of_its_own_where_the_answer_takes_longer(tmp_path: Path):
    """In the runs of these tests it comes half-way; where both are one the figure would say nothing new."""
    drawn = data(made(tmp_path / "run", TWO))
    assert "ttft_tail" in {chart.name for chart in charts_for(drawn)}
    title = "The slowest request waited for its first content for 6.0 s with slow, 1.8 s with fast"
    assert TtftTail(drawn).title == title
    for cell in drawn.summary["cells"]:
        cell["ttft_s"] = cell["latency_s"]
    assert "ttft_tail" not in {chart.name for chart in charts_for(drawn)}


def test_another_trial_can_be_shown(tmp_path: Path):
    """In the charts of a single run, and first among the timelines."""
    folder = made(tmp_path / "run", TWO)
    shown = embedded(page_of(folder, tmp_path / "out", trial=1))
    assert shown["trial"] == 1
    assert shown["figures"]["batch_timings"]["columns"]["makespan_s"] == [8.0, 12.0, 2.5, 3.5]
    with pytest.raises(UserError, match=r"no trial 7 in .*; there are 0 to 1"):
        write_report(folder, tmp_path / "out", trial=7)


def test_figures_alone_can_be_had(tmp_path: Path):
    """SVG, PNG and data, and nothing else."""
    written = write_report(made(tmp_path / "run", TWO), tmp_path / "out", figures_only=True)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"figures"}
    assert written.index == tmp_path / "out" / "figures"
    assert len(list(written.index.iterdir())) == 12


def test_published_results_keep_the_timelines_of_a_few_batches(tmp_path: Path):
    """So that their page has the picture of one batch without their records."""
    folder = raced(tmp_path / "run")
    publish(folder, tmp_path / "results")
    results = RunFolder.open(tmp_path / "results")
    assert not results.has_records
    theirs, ours = embedded(page_of(results, tmp_path / "2")), embedded(page_of(folder, tmp_path / "1"))
    assert (theirs.pop("records"), ours.pop("records")) == (False, True)
    assert theirs == ours
    assert "0 0 only" in embedded((tmp_path / "2" / "index.html").read_text())["timelines"]["batches"]


def test_a_run_that_is_still_going_is_reported_and_says_so(tmp_path: Path):
    """With how much of it is there, and without the tables that it writes at its end."""
    folder = raced(tmp_path / "run")
    for name in ("attempts.parquet", "requests.parquet", "summary.json", "batches.csv", "quantiles.csv"):
        (folder.path / name).unlink()
    folder.update_manifest(status="running", seeds=[100, 101])
    page = page_of(folder, tmp_path / "out")
    assert "This run is still going, or was killed: 3 of 6 requests are in" in page
    assert "This run is still going" in (tmp_path / "out" / "report.md").read_text()


def test_an_empty_run_has_a_page(tmp_path: Path):
    """Which says that there is nothing to compare yet, and leaves nothing behind in the run folder."""
    folder = RunFolder.create(tmp_path / "run", "made")
    folder.write_config({"trials": 1})
    folder.write_manifest(manifest({"only": {}}, 3, status="running"))
    page = page_of(folder, tmp_path / "out")
    assert "0 of 6 requests are in" in page
    assert "No cell has a trial with all of its requests" in page
    assert not (folder.path / "summary.json").exists()


def test_a_run_in_which_all_failed_has_a_page(tmp_path: Path):
    """Its failures count, and its timeline has no answer."""
    folder = RunFolder.create(tmp_path / "run", "made")
    folder.write_config({"trials": 1})
    folder.write_manifest(manifest({"a": {}, "b": {}}, 2))
    failed = Attempt(1, "first", "status_error", send_s=0.0, end_s=1.0, status=500)
    for cell in ("a", "b"):
        for request in (0, 1):
            folder.append(outcome(cell, 0, 0, request, 0.0, 1.0, outcome="status_error", attempts=(failed,)))
    folder.close()
    finish(folder)
    page = page_of(folder, tmp_path / "out")
    assert "2/2" in page
    assert embedded(page)["timelines"]["outcomes"] == ["status_error"]


@pytest.mark.parametrize("totals", [{"only": [[1.0]]}, {"only": [[0.0]]}, {"a": [[2.0]], "b": [[1.0]]}])
def test_one_cell_one_trial_and_no_time_at_all_have_a_page(tmp_path: Path, totals):
    """The smallest runs there are."""
    shown = embedded(page_of(made(tmp_path / "run", totals), tmp_path / "out"))
    assert [cell["cell"] for cell in shown["cells"]] == list(totals)
    assert [cell["trials"] for cell in shown["cells"]] == [1] * len(totals)


@pytest.mark.parametrize("name", ["NA", "nan", "1.50", "007", ""])
def test_names_that_look_like_something_else_stay_what_they_are(tmp_path: Path, name):
    """pandas takes them for numbers or for nothing unless told not to."""
    shown = embedded(page_of(made(tmp_path / "run", {name: [[2.0, 1.0]], "b": [[1.0, 1.0]]}), tmp_path / "out"))
    assert list(shown["batches"]) == [name, "b"]
    assert f"0 0 {name}" in shown["timelines"]["batches"]


def test_a_page_of_very_many_batches_keeps_the_slowest_and_says_how_many_there_are(tmp_path: Path, monkeypatch):
    """And those of the shown trial, so that it can be looked through."""
    monkeypatch.setattr(payloads, "MOST_BATCHES", 2)
    folder = made(tmp_path / "run", {"a": [[1.0, 2.0], [9.0, 8.0], [3.0, 4.0]]})
    found = embedded(page_of(folder, tmp_path / "out"))["batches"]["a"]
    assert found["of"] == 6
    assert sorted(found["ms"]) == [1000, 2000, 8000, 9000]


def test_the_libraries_of_the_page_are_the_published_ones():
    """As their releases have them, byte for byte, with their licences."""
    vendor = Path(page_writer.__file__).with_name("assets") / "vendor"
    known = json.loads((vendor / "versions.json").read_text())
    assert {path.name for path in vendor.glob("*.js")} == {one["file"] for one in known}
    for one in known:
        assert hashlib.sha256((vendor / one["file"]).read_bytes()).hexdigest() == one["sha256"]
        assert "Permission to use, copy, modify" in (vendor / one["licence"]).read_text()


def test_of_a_large_batch_the_requests_that_took_longest_are_kept(tmp_path: Path):
    """Which in a window are not those that ended last."""
    folder = RunFolder.create(tmp_path / "run", "made")
    folder.write_config({"trials": 1})
    folder.write_manifest(manifest({"only": {}}, 3))
    for request, start, took in ((0, 0.0, 5.0), (1, 4.0, 2.0), (2, 6.0, 1.0)):
        attempt = Attempt(1, "first", "ok", send_s=start, end_s=start + took, first_content_s=start + took)
        folder.append(outcome("only", 0, 0, request, start, took, attempts=(attempt,)))
    folder.close()
    assert timelines(folder, [("only", 0, 0)], 2)["request"].tolist() == [0, 1]
