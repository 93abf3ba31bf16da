"""A run folder keeps what was finished, and says what is wrong with itself."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import DiskError, UserError
from harness.records import SCHEMA_VERSION
from harness.storage import RunFolder
from tests.folders import made, outcome

ONE = outcome("c", 0, 0, 0, 0.0, 1.5)
TWO = outcome("c", 0, 0, 1, 0.0, 2.5)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    run = RunFolder.create(tmp_path / "run", "made")
    run.write_manifest({"schema": SCHEMA_VERSION})
    return run


def test_what_is_appended_is_on_disk_at_once(folder):
    """Another process can read it before the run goes on."""
    folder.append(ONE)
    assert [json.loads(line)["request"] for line in (folder.path / "records.jsonl").read_text().splitlines()] == [0]
    folder.append(TWO)
    folder.close()
    assert list(folder.outcomes()) == [ONE, TWO]


def test_by_default_runs_of_one_second_do_not_collide(tmp_path: Path, monkeypatch):
    """The suffix tells them apart."""
    monkeypatch.chdir(tmp_path)
    paths = {RunFolder.create(None, "article").path for _ in range(5)}
    assert len(paths) == 5
    assert {path.parent for path in paths} == {Path("experiments/article/runs")}


def test_a_used_folder_is_not_overwritten(folder):
    """Neither a run nor anything else that lies there."""
    with pytest.raises(
        UserError, match=r"is not empty; choose another out=, or continue the run in it with resume=true"
    ):
        RunFolder.create(folder.path, "made")


def test_a_file_is_not_a_folder(tmp_path: Path):
    """One line, nothing overwritten."""
    path = tmp_path / "file"
    path.write_text("mine")
    with pytest.raises(UserError, match="is not a folder; choose another out="):
        RunFolder.create(path, "made")
    with pytest.raises(UserError, match="choose another out="):
        RunFolder.create(path / "below", "made")
    assert path.read_text() == "mine"


def test_an_unwritable_place_is_one_line(monkeypatch, tmp_path: Path):
    """The system's reason, and what to do. The error is raised by hand: root may write anywhere."""

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(UserError, match=r"cannot write to .* \(Permission denied\); choose another out="):
        RunFolder.create(tmp_path / "run", "made")


def test_a_truncated_last_line_is_passed_over_and_cut_off(folder):
    """A crash in the middle of a write loses that request only."""
    folder.append(ONE)
    folder.close()
    path = folder.path / "records.jsonl"
    with path.open("a") as file:
        file.write(TWO.to_json()[:40])
    assert list(folder.outcomes()) == [ONE]
    folder.repair()
    folder.append(TWO)
    folder.close()
    assert list(folder.outcomes()) == [ONE, TWO]


def test_a_broken_line_in_the_middle_is_named(folder):
    """It is no crash's doing, so it is not passed over."""
    (folder.path / "records.jsonl").write_text(f"{ONE.to_json()}\noops\n{TWO.to_json()}\n")
    with pytest.raises(UserError, match=r"records\.jsonl, line 2: not a record"):
        list(folder.outcomes())


@pytest.mark.parametrize(
    ("said", "kept"),
    [("half: \ud83d", "half: ?"), ('\u0000 \U0001f600 "\\', '\u0000 \U0001f600 "\\'), ("1e400 NaN", "1e400 NaN")],
)
def test_whatever_a_server_said_is_read_back(folder, said, kept):
    """To the last bit, but for what is no text."""
    folder.append(replace(ONE, error=said))
    folder.append(replace(TWO, start_s=0.1 + 0.2, end_s=1e-9 / 3))
    folder.close()
    written = (folder.path / "records.jsonl").read_bytes().splitlines()
    assert list(folder.lines()) == [json.loads(line) for line in written]
    found = list(folder.outcomes())
    assert (found[0].error, found[1].start_s, found[1].end_s) == (kept, 0.1 + 0.2, 1e-9 / 3)


def test_records_of_another_schema_are_named(folder):
    """With the line and what to do."""
    (folder.path / "records.jsonl").write_text(ONE.to_json().replace('"schema":1', '"schema":9') + "\n")
    with pytest.raises(UserError, match="line 1: schema 9, this version reads schema 1; use the version"):
        list(folder.outcomes())


def test_a_folder_of_another_schema_is_named(folder):
    """Before anything is read."""
    folder.write_manifest({"schema": 9})
    with pytest.raises(UserError, match="written with schema 9, this version reads schema 1"):
        RunFolder.open(folder.path)


@pytest.mark.parametrize(("make", "message"), [(False, "no run folder at"), (True, "is not a run folder")])
def test_what_is_no_run_folder_is_named(tmp_path: Path, make, message):
    """Missing, or empty."""
    path = tmp_path / "nothing"
    if make:
        path.mkdir()
    with pytest.raises(UserError, match=message):
        RunFolder.open(path)


def test_a_damaged_manifest_is_one_line(folder):
    """Not a traceback from the JSON parser."""
    (folder.path / "manifest.json").write_text("{")
    with pytest.raises(UserError, match=r"manifest\.json is not JSON"):
        RunFolder.open(folder.path)


def test_a_crash_while_writing_leaves_the_old_file(folder, monkeypatch):
    """Files are replaced in one step."""

    def crash(*_, **__):
        raise OSError("power cut")

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(DiskError, match=r"cannot write .*manifest.json \(power cut\)"):
        folder.update_manifest(status="new")
    assert folder.manifest() == {"schema": SCHEMA_VERSION}


def test_published_results_are_small_and_tell_no_secrets(tmp_path: Path):
    """Neither host nor paths nor records are copied; the rest opens as a run folder."""
    made(tmp_path / "run", {"a": [[1.0, 2.0]], "b": [[1.0, 1.0]]}).publish(tmp_path / "results")
    names = {path.name for path in (tmp_path / "results").iterdir()}
    assert names == {"config.yaml", "manifest.json", "summary.json", "batches.csv", "quantiles.csv"}
    text = "".join(path.read_text() for path in (tmp_path / "results").iterdir())
    assert "secret" not in text
    assert str(tmp_path) not in text
    assert RunFolder.open(tmp_path / "results").summary()["experiment"] == "made"


def test_an_experiments_name_cannot_leave_its_folder(tmp_path: Path, monkeypatch):
    """Names become one path component."""
    monkeypatch.chdir(tmp_path)
    path = RunFolder.create(None, "../../etc").path
    assert os.path.commonpath([path.resolve(), tmp_path]) == str(tmp_path)
