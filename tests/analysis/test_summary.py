"""The summary, checked by hand."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.analysis import finish, frames, summarise
from harness.errors import UserError
from harness.records import Attempt
from harness.storage import RunFolder
from tests.folders import made, manifest, outcome

SLOW = {"slow": [[10.0, 30.0], [20.0, 40.0], [15.0, 25.0]], "fast": [[5.0, 5.0], [10.0, 10.0], [4.0, 6.0]]}


def cells(folder: RunFolder) -> dict[str, dict]:
    return {cell["cell"]: cell for cell in folder.summary()["cells"]}


def test_totals_are_sums_of_makespans(tmp_path: Path):
    """Per trial, and their mean."""
    slow = cells(made(tmp_path / "run", SLOW))["slow"]
    assert slow["total_s"]["per_trial"] == [40.0, 60.0, 40.0]
    assert slow["total_s"]["mean"] == pytest.approx(46.666666667)
    assert slow["seeds"] == [100, 101, 102]
    assert (slow["trials"], slow["requests"], slow["failed"], slow["load"]) == (3, 6, 0, 1.0)


def test_speedup_is_the_ratio_of_mean_totals(tmp_path: Path):
    """140 / 40, with an interval that holds it; the reference is 1 by definition."""
    found = cells(made(tmp_path / "run", SLOW))
    speedup = found["fast"]["speedup"]
    assert speedup["mean"] == pytest.approx(3.5)
    assert speedup["ci95"][0] <= 3.5 <= speedup["ci95"][1]
    assert speedup["significant"] is True
    own = {"reference": "slow", "mean": 1.0, "ci95": None, "significant": False, "why_not": None}
    assert found["slow"]["speedup"] == own


def test_one_trial_has_no_interval_and_a_warning(tmp_path: Path):
    """A figure without certainty says so."""
    folder = made(tmp_path / "run", {"a": [[4.0]], "b": [[2.0]]})
    speedup = cells(folder)["b"]["speedup"]
    assert (speedup["mean"], speedup["ci95"], speedup["significant"]) == (2.0, None, None)
    assert speedup["why_not"] == "1 trial in common, and an interval needs 3"
    assert cells(folder)["b"]["total_s"]["ci95"] is None
    assert "few_trials" in {note["code"] for note in folder.summary()["warnings"]}


def test_few_trials_say_how_wide_their_interval_is(tmp_path: Path):
    """Totals of 10, 20 and 10 s: the mean of 13.3 s is known to +-14.3 s."""
    (note,) = made(tmp_path / "run", SLOW).summary()["warnings"]
    assert note["message"] == "3 trials; the mean total of fast is known to +-108% only"


@pytest.mark.parametrize(("late", "codes"), [(True, ["server_late"]), (False, [])])
def test_a_server_that_was_late_itself_is_a_warning(tmp_path: Path, late: bool, codes: list[str]):
    """What it says of its own timing is in the manifest; every time of the run holds it."""
    folder = made(tmp_path / "run", {"a": [[1.0]] * 12, "b": [[1.0]] * 12})
    timing = {"p50_s": 0.001, "p99_s": 0.032, "max_s": 0.4, "limit_s": 0.02, "late": late}
    folder.update_manifest(server_timing=timing)
    notes = [note for note in summarise(folder)["warnings"] if note["code"] == "server_late"]
    assert [note["code"] for note in notes] == codes
    assert all("more than 32 ms (limit 20 ms)" in note["message"] for note in notes)


@pytest.mark.parametrize(("late", "codes"), [(True, ["client_late"]), (False, [])])
def test_a_client_that_was_late_itself_is_a_warning(tmp_path: Path, late: bool, codes: list[str]):
    """A loop that is busy stamps everything late; in virtual time there is none."""
    folder = made(tmp_path / "run", {"a": [[1.0]] * 12, "b": [[1.0]] * 12})
    assert "client_late" not in {note["code"] for note in folder.summary()["warnings"]}
    timing = {"p50_s": 0.001, "p99_s": 0.09, "max_s": 0.4, "limit_s": 0.05, "late": late}
    folder.update_manifest(client_timing=timing)
    notes = [note for note in summarise(folder)["warnings"] if note["code"] == "client_late"]
    assert [note["code"] for note in notes] == codes
    assert all("more than 90 ms (limit 50 ms)" in note["message"] for note in notes)


LOADED = {"name": "p", "load": {"slots": 8}}
SPELLS = {"name": "p", "faults": [{"kind": "correlated_outage", "probability": 0.1, "window_s": 2}]}


@pytest.mark.parametrize(
    ("about", "changes", "slowest_s", "omitted"),
    [
        ({"target": "openai"}, {"profiles": []}, 60.0, True),
        ({}, {"profiles": [LOADED]}, 60.0, True),
        ({}, {"profiles": [SPELLS]}, 60.0, True),
        ({}, {}, 60.0, False),
        ({"target": "openai"}, {"profiles": []}, 2.0, False),
    ],
    ids=["a real API", "a server with slots", "a server with spells", "the same at any time", "no tail"],
)
def test_coordinated_omission_is_a_warning_where_it_is_possible(tmp_path, about, changes, slowest_s, omitted):
    """A request of 60 s among 99 of 1 s holds others up; it matters if the server answers otherwise at other times."""
    batches = [*[1.0] * 99, slowest_s]
    folder = made(tmp_path / "run", {"a": [batches] * 10}, about={"a": about}, **changes)
    (note,) = [n for n in folder.summary()["warnings"] if n["code"] == "coordinated_omission"] or [None]
    assert (note is not None) is omitted
    if note is not None:
        assert "the slowest hundredth of the requests took 38% of all request time in a" in note["message"]


def test_every_warning_comes_with_advice(tmp_path: Path):
    """One trial of 1,000 s among ones of 10 s is named."""
    folder = made(tmp_path / "run", {"a": [[1000.0]] + [[10.0]] * 11, "b": [[1.0]] * 12})
    notes = folder.summary()["warnings"]
    assert [note["code"] for note in notes] == ["one_trial_dominates"]
    assert all(note["advice"] for note in notes)


def test_failures_load_and_goodput(tmp_path: Path):
    """A failure, a retry, and an answer too late, out of four requests."""
    folder = RunFolder.create(tmp_path / "run", "made")
    folder.write_manifest(manifest({"c": {}}, 4))
    good = outcome("c", 0, 0, 0, 0.0, 1.0)
    retried = replace(outcome("c", 0, 0, 1, 0.0, 9.0), attempts=(
        Attempt(1, "first", "timeout", 0.0, 5.0), Attempt(2, "retry", "ok", 5.0, 9.0, first_content_s=8.0),
    ))  # fmt: skip
    late = outcome("c", 0, 0, 2, 0.0, 31.0)
    failed = outcome("c", 0, 0, 3, 0.0, 12.0, outcome="timeout", tokens=0, attempts=())
    for each in (good, retried, late, failed):
        folder.append(each)
    folder.close()
    (cell,) = summarise(folder)["cells"]
    assert (cell["failed"], cell["failures"], cell["load"], cell["goodput"]) == (1, {"timeout": 1}, 1.0, 0.5)
    assert cell["total_s"]["per_trial"] == [31.0]
    assert cell["ttft_s"]["p50"] == 8.0
    assert cell["tokens"] == 3


def test_a_race_is_told_by_its_winner(tmp_path: Path):
    """The first attempt answered after 6 s, before the copy that was sent at 5 s; what was wasted is a column."""
    folder = RunFolder.create(tmp_path / "run", "made")
    folder.write_manifest(manifest({"c": {}}, 1))
    copy = Attempt(2, "hedge", "cancelled", 5.0, 6.0, tokens=0, false_restart=False, wasted_tokens=7)
    raced = (Attempt(1, "first", "ok", 0.0, 7.0, first_content_s=6.0, tokens=3), copy)
    folder.append(replace(outcome("c", 0, 0, 0, 0.0, 7.0), winner=1, attempts=raced))
    folder.close()
    (cell,) = finish(folder)["cells"]
    assert cell["ttft_s"]["p50"] == 6.0
    assert cell["attempts"] == {"first": 1, "retry": 0, "hedge": 1}
    assert (cell["abandoned"], cell["false_restarts"], cell["tokens_wasted"], cell["wasted_s"]) == (1, 0, 7, 1.0)
    tables = frames(folder)
    assert tables.requests is not None
    assert tables.attempts is not None
    (request,) = tables.requests[["ttft_s", "winner", "retries", "hedges"]].to_dict("records")
    assert request == {"ttft_s": 6.0, "winner": 1, "retries": 0, "hedges": 1}
    second = tables.attempts.iloc[1]
    assert (second["tokens"], bool(second["false_restart"]), second["wasted_tokens"]) == (0, False, 7)


def test_what_a_failure_cost(tmp_path: Path):
    """Two restarts, one of them too soon, and an error: none of their 4 + 6 + 1 s was of use."""
    folder = RunFolder.create(tmp_path / "run", "made")
    folder.write_manifest(manifest({"c": {}}, 1))
    tries = (
        Attempt(1, "first", "timeout", 0.0, 4.0, false_restart=True, wasted_tokens=2),
        Attempt(2, "retry", "timeout", 4.0, 10.0, false_restart=False, wasted_tokens=3),
        Attempt(3, "retry", "status_error", 10.0, 11.0, status=500),
    )
    folder.append(replace(outcome("c", 0, 0, 0, 0.0, 11.0), outcome="status_error", attempts=tries))
    folder.close()
    (cell,) = summarise(folder)["cells"]
    assert cell["attempts"] == {"first": 1, "retry": 2, "hedge": 0}
    assert (cell["abandoned"], cell["false_restarts"], cell["tokens_wasted"], cell["wasted_s"]) == (2, 1, 5, 11.0)


def test_what_nobody_can_tell_is_not_called_zero(tmp_path: Path):
    """Behind a real API an abandoned attempt may have been about to answer."""
    folder = RunFolder.create(tmp_path / "run", "made")
    folder.write_manifest(manifest({"c": {}}, 1))
    tries = (Attempt(1, "first", "timeout", 0.0, 4.0), Attempt(2, "retry", "ok", 4.0, 5.0, first_content_s=5.0))
    folder.append(replace(outcome("c", 0, 0, 0, 0.0, 5.0), attempts=tries))
    folder.close()
    (cell,) = summarise(folder)["cells"]
    assert (cell["abandoned"], cell["false_restarts"], cell["tokens_wasted"], cell["wasted_s"]) == (1, None, None, 4.0)


def test_the_later_record_of_a_request_counts(tmp_path: Path):
    """A batch that was played again after an interruption replaces what was there of it."""
    folder = RunFolder.create(tmp_path / "run", "made")
    folder.write_manifest(manifest({"c": {}}, 2))
    for each in (outcome("c", 0, 0, 0, 0.0, 99.0), outcome("c", 0, 1, 1, 99.0, 1.0), outcome("c", 0, 0, 0, 0.0, 3.0)):
        folder.append(each)
    folder.close()
    (cell,) = finish(folder)["cells"]
    assert (cell["requests"], cell["total_s"]["per_trial"]) == (2, [4.0])
    table = frames(folder).requests
    assert table is not None
    assert sorted(table["latency_s"]) == [1.0, 3.0]


def test_an_incomplete_trial_is_left_out_of_the_totals(tmp_path: Path):
    """Its total would be too small; the summary says so."""
    folder = made(tmp_path / "run", {"a": [[1.0, 1.0], [1.0]], "b": [[1.0, 1.0], [1.0, 1.0]]})
    assert cells(folder)["a"]["total_s"]["per_trial"] == [2.0]
    assert "incomplete_trials" in {note["code"] for note in folder.summary()["warnings"]}


def test_batches_csv_has_a_row_per_batch(tmp_path: Path):
    """The columns of the contract."""
    folder = made(tmp_path / "run", SLOW)
    rows = list(csv.DictReader((folder.path / "batches.csv").read_text().splitlines()))
    assert list(rows[0]) == ["cell", "trial", "batch", "makespan_s", "failed"]
    assert [float(row["makespan_s"]) for row in rows if row["cell"] == "slow"] == [10, 30, 20, 40, 15, 25]


def test_summary_has_what_the_contract_names(tmp_path: Path):
    """Keys that others rely on."""
    summary = made(tmp_path / "run", SLOW).summary()
    assert {"schema", "experiment", "clock", "reference", "cells"} <= set(summary)
    assert {
        "cell", "strategy", "workload", "profile", "target", "seeds", "trials", "requests", "failed", "load",
        "total_s", "batch_s", "ttft_s", "speedup",
    } <= set(summary["cells"][0])  # fmt: skip
    assert {"p50", "p99", "max"} <= set(summary["cells"][0]["batch_s"])
    assert {"name", "timeout", "stream", "max_retries", "dispatch"} <= set(summary["cells"][0]["strategy"])


def test_frames_have_one_row_each(tmp_path: Path):
    """Requests, attempts, batches."""
    tables = frames(made(tmp_path / "run", SLOW))
    assert tables.requests is not None
    assert tables.attempts is not None
    assert (len(tables.requests), len(tables.attempts), len(tables.batches)) == (12, 12, 12)
    assert tables.attempts["ttft_s"].iloc[0] == 5.0


def test_columns_have_the_same_types_in_every_run(tmp_path: Path):
    """Also where a run has no error at all."""
    from pyarrow import parquet

    folder = made(tmp_path / "run", SLOW)
    types = {field.name: str(field.type) for field in parquet.read_schema(folder.path / "requests.parquet")}
    assert (types["error"], types["ttft_s"], types["request"]) == ("string", "double", "int64")


def test_equal_records_give_equal_bytes(tmp_path: Path):
    """Summaries can be kept under version control."""
    one, two = made(tmp_path / "1", SLOW), made(tmp_path / "2", SLOW)
    for name in ("summary.json", "batches.csv", "quantiles.csv"):
        assert (one.path / name).read_bytes() == (two.path / name).read_bytes()
    assert json.loads((one.path / "summary.json").read_text())["cells"]


def test_an_empty_run_is_one_line(tmp_path: Path):
    """Not a division by zero."""
    folder = RunFolder.create(tmp_path / "run", "made")
    folder.write_manifest(manifest({"c": {}}, 1))
    with pytest.raises(UserError, match="holds no finished request yet"):
        summarise(folder)
