"""Records become two tables once; everything else is computed from those, wherever they come from."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from harness.analysis import finish, summarise
from harness.analysis import tables as module
from harness.analysis.columns import Columns, columns_of
from harness.analysis.tables import Tables, are_whole, load
from harness.errors import UserError
from harness.records import Attempt
from harness.storage import RunFolder
from tests.folders import made, manifest, outcome

LOST = Attempt(1, "first", "timeout", send_s=0.0, end_s=2.0, false_restart=True, wasted_tokens=3)
HEDGE = Attempt(2, "hedge", "ok", send_s=1.0, end_s=3.0, first_content_s=2.5)
LATE = Attempt(3, "hedge", "cancelled", send_s=1.5, end_s=3.0)


def mixed(path: Path) -> RunFolder:
    """A raced answer, a failure, a request without any attempt, and one that was recorded twice."""
    folder = RunFolder.create(path, "made")
    folder.write_config({"trials": 1})
    folder.write_manifest(manifest({"a": {}}, 4))
    folder.append(outcome("a", 0, 0, 3, 0.0, 9.0, tokens=7))
    folder.append(outcome("a", 0, 0, 0, 0.0, 3.0, attempts=(LOST, HEDGE, LATE), winner=2))
    folder.append(outcome("a", 0, 0, 1, 0.0, 2.0, attempts=(LOST,), outcome="timeout"))
    folder.append(outcome("a", 0, 0, 2, 0.0, 1.0, attempts=(), outcome="unfinished"))
    folder.append(outcome("a", 0, 0, 3, 0.0, 1.0))
    folder.close()
    return folder


def loaded(folder: RunFolder) -> Tables:
    """All of a run's tables at once."""
    with load(folder) as chunks:
        found = list(chunks)
    return Tables(*(pa.concat_tables([getattr(one, name) for one in found]) for name in ("requests", "attempts")))


def columns_in(folder: RunFolder) -> Columns:
    with load(folder) as chunks:
        return columns_of(chunks)


def rows(columns: Columns) -> list[tuple]:
    names = ("request", "attempts", "hedges", "abandoned", "judged", "false_restarts", "wasted_tokens", "wasted_s")
    return list(zip(*(getattr(columns, name).tolist() for name in names), strict=True))


def test_attempts_are_counted_for_the_request_they_were_made_for(tmp_path: Path):
    """What brought the answer is used; all else is wasted, and of what was abandoned some is judged."""
    columns = columns_in(mixed(tmp_path / "run"))
    assert rows(columns) == [
        (0, 3, 2, 2, 1, 1, 3, 3.5),
        (1, 1, 0, 1, 1, 1, 3, 2.0),
        (2, 0, 0, 0, 0, 0, 0, 0.0),
        (3, 1, 0, 0, 0, 0, 0, 0.0),
    ]


def test_the_time_to_first_content_is_that_of_the_answer(tmp_path: Path):
    """The winner's where attempts raced; none where nothing came."""
    columns = columns_in(mixed(tmp_path / "run"))
    assert columns.ttft_s[[0, 3]].tolist() == [2.5, 0.5]
    assert np.isnan(columns.ttft_s[1:3]).all()


def test_of_two_records_of_one_request_the_later_counts(tmp_path: Path):
    """With its own attempts, in its own place."""
    tables = loaded(mixed(tmp_path / "run"))
    assert tables.requests["request"].to_pylist() == [0, 1, 2, 3]
    assert tables.requests["tokens"].to_pylist()[-1] == 1
    assert tables.attempts["request"].to_pylist() == [0, 0, 0, 1, 3]


def test_parquet_and_records_give_the_same_columns_and_the_same_summary(tmp_path: Path):
    """So a finished run is reported from Parquet, which is the quicker."""
    folder = mixed(tmp_path / "run")
    assert not are_whole(folder)
    of_records = columns_in(folder)
    summary = finish(folder)
    assert are_whole(folder)
    of_parquet = columns_in(folder)
    for name in Columns.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(of_records, name), getattr(of_parquet, name), err_msg=name)
    assert summarise(folder) == summary


def test_parquet_that_lacks_a_record_is_not_read(tmp_path: Path):
    """A run that was continued after its tables were written has more, even where the clock was set back meanwhile."""
    folder = made(tmp_path / "run", {"a": [[1.0], [2.0]]})
    assert are_whole(folder)
    os.utime(folder.path / "records.jsonl", ns=(0, 2**62))
    assert are_whole(folder)
    folder.append(outcome("a", 2, 0, 0, 0.0, 3.0))
    folder.close()
    os.utime(folder.path / "records.jsonl", ns=(0, 0))
    assert not are_whole(folder)
    assert len(loaded(folder)) == 3


def test_parquet_that_was_cut_short_is_not_read(tmp_path: Path):
    """The records have all of it."""
    folder = made(tmp_path / "run", {"a": [[1.0], [2.0]]})
    whole = (folder.path / "attempts.parquet").read_bytes()
    (folder.path / "attempts.parquet").write_bytes(whole[:-10])
    assert len(loaded(folder)) == 2


def test_parquet_of_before_a_column_was_added_is_not_read(tmp_path: Path):
    """Nor missed: what it lacks may be in the records."""
    folder = made(tmp_path / "run", {"a": [[1.0], [2.0]]})
    path = folder.path / "attempts.parquet"
    parquet.write_table(parquet.read_table(path).drop_columns(["written_s"]), path)
    assert not are_whole(folder)
    assert "written_s" in loaded(folder).attempts.column_names


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_a_chunk_ends_anywhere(tmp_path: Path, monkeypatch, chunk):
    """Equal tables, columns and summaries whatever is held at once, and however long the row groups of a file are."""
    folder = mixed(tmp_path / "run")
    whole, summary = loaded(folder), summarise(folder)
    monkeypatch.setattr(module, "_CHUNK", chunk)
    for written in (False, True):
        if written:
            finish(folder)
            assert parquet.ParquetFile(folder.path / "requests.parquet").num_row_groups >= 4 / chunk
        found = loaded(folder)
        assert found.requests.equals(whole.requests)
        assert found.attempts.equals(whole.attempts)
        assert summarise(folder) == summary
        assert rows(columns_in(folder)) == rows(columns_of([whole]))


def test_nothing_is_left_of_tables_that_are_not_kept(tmp_path: Path):
    """Those of a run that is still going are in a file for as long as they are read."""
    folder = mixed(tmp_path / "run")
    before = sorted(path.name for path in folder.path.iterdir())
    loaded(folder)
    assert sorted(path.name for path in folder.path.iterdir()) == before
    (folder.path / "records.jsonl").write_text("oops\n")
    with pytest.raises(UserError, match="line 1: not a record"), load(folder):
        pass
    assert sorted(path.name for path in folder.path.iterdir()) == before


def test_memory_does_not_grow_with_the_records(tmp_path: Path):
    """More requests take no more than their columns do, which are a hundred bytes each."""
    import tracemalloc

    peaks = {}
    for requests in (5_000, 20_000):
        folder = RunFolder.create(tmp_path / str(requests), "made")
        folder.write_config({"trials": 1})
        folder.write_manifest(manifest({"a": {}}, requests))
        for request in range(requests):
            folder.append(outcome("a", 0, request // 100, request, float(request // 100), 1.0))
        folder.close()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_CHUNK", 500)
            tracemalloc.start()
            assert finish(folder)["cells"][0]["requests"] == requests
            peaks[requests] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert peaks[20_000] - peaks[5_000] < 300 * 15_000
