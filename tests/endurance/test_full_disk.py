"""The disk is full: one line, exit code 5, and what was finished stays; with room again the run is continued."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import DiskError
from harness.storage import RunFolder
from tests.endurance.commands import assert_equal_runs, called, lines, status
from tests.folders import made, outcome

WORDS = ["run", "article", "trials=1", "workload.batches=2", "workload.batch_size=20", "engine=local"]


def refused(where: Path, out: str, *words: str, **settings) -> str:
    """Run where there is no room: exit 5 and two lines, the second of which is how to go on; gives what was said."""
    code, _, err = called(where, [*WORDS, *words, f"out={out}"], **settings)
    assert code == 5, err
    assert "Traceback" not in err
    said = err[err.index("error: ") :].splitlines()
    assert 1 <= len(said) <= 2, err
    assert "what was finished is kept: make room" in said[0]
    return err


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A run that had room."""
    where = tmp_path_factory.mktemp("room")
    code, _, err = called(where, [*WORDS, "out=whole"])
    assert code == 0, err
    return where / "whole"


@pytest.mark.slow
def test_a_file_that_may_not_grow_stops_the_run_which_goes_on_later(tmp_path: Path, whole: Path):
    """`ulimit -f`, which everybody may set: first where records are written, then where the report is."""
    size = (whole / "records.jsonl").stat().st_size
    part = tmp_path / "part"
    for number, limit in enumerate((size // 2, size + 1_000)):

        def limited(limit=limit) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        err = refused(tmp_path, "part", *(["resume=true"] if number else []), preexec_fn=limited)
        assert "error: a file may not grow further (see ulimit -f), while writing part" in err
        assert f"continue with: harness {' '.join(WORDS)} out=part resume=true" in err
        found = lines(part)
        assert found == lines(whole)[: len(found)]
        assert found
    assert len(found) == 120
    assert status(part) == "complete"
    code, _, err = called(tmp_path, [*WORDS, "out=part", "resume=true"])
    assert code == 0, err
    assert_equal_runs(part, whole)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own size, in memory; only root may have one."""
    path = tmp_path / "disk"
    path.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", path], check=False).returncode:
        pytest.skip("needs a file system of its own, which only root may mount")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def resized(disk: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


@pytest.mark.slow
def test_a_full_disk_stops_the_run_anywhere_and_it_goes_on_later(disk: Path, whole: Path):
    """While it begins, in its records, while it summarises, and in its report; with a little more room each time."""
    records = (whole / "records.jsonl").stat().st_size
    page, refusals = 4096, 0
    for size in (2 * page, 16 * page, records + 12 * page, records + 40 * page):
        resized(disk, size)
        resumed = ["resume=true"] if (disk / "run").is_dir() else []
        code, _, err = called(disk.parent, [*WORDS, *resumed, "out=disk/run"])
        if code == 0:
            break
        refusals += 1
        assert code == 5, err
        assert "no space left, while writing disk/run" in err
        assert "Traceback" not in err
        found = lines(disk / "run")
        assert found == lines(whole)[: len(found)]
    assert refusals >= 3
    resized(disk, 64 << 20)
    code, _, err = called(disk.parent, [*WORDS, "out=disk/run", "resume=true"])
    assert code == 0, err
    assert_equal_runs(disk / "run", whole)
    assert not list((disk / "run").glob(".*.partial"))


@pytest.mark.slow
def test_parts_are_finished_where_there_is_no_room_to_compress_them(disk: Path, whole: Path):
    """They stay as they are until the run goes on with more room."""
    resized(disk, (whole / "records.jsonl").stat().st_size)
    words = ["records.rotate_mb=0.02", "report=false"]
    refused(disk.parent, "disk/run", *words)
    found = lines(disk / "run")
    assert found == lines(whole)[: len(found)]
    assert found
    resized(disk, 64 << 20)
    code, _, err = called(disk.parent, [*WORDS, *words, "out=disk/run", "resume=true"])
    assert code == 0, err
    assert lines(disk / "run") == lines(whole)


class Full:
    """A file of a disk that takes half of a line."""

    def __init__(self, file) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        self._file.write(data[: len(data) // 2])
        self._file.flush()
        raise OSError(28, "No space left on device")

    def __getattr__(self, name: str):
        return getattr(self._file, name)


def test_half_a_line_is_cut_off_when_the_run_goes_on(tmp_path: Path):
    """It was not finished; the next record begins a line of its own."""
    folder = made(tmp_path / "run", {"a": [[1.0], [2.0]]})
    before = list(folder.outcomes())
    folder._file = Full((folder.path / "records.jsonl").open("ab"))
    with pytest.raises(DiskError, match=r"no space left, while writing .*records\.jsonl; what was finished is kept"):
        folder.append(outcome("a", 2, 0, 0, 0.0, 3.0))
    folder.close()
    assert list(folder.outcomes()) == before
    again = RunFolder.open(folder.path)
    again.repair()
    again.append(outcome("a", 2, 0, 0, 0.0, 3.0))
    again.close()
    assert len(list(again.outcomes())) == len(before) + 1


def test_records_that_are_removed_while_they_are_written_are_missed_at_once(tmp_path: Path):
    """What is written to a removed file is gone, and the system says nothing."""
    folder = made(tmp_path / "run", {"a": [[1.0], [2.0]]})
    folder.append(outcome("a", 2, 0, 0, 0.0, 3.0))
    (folder.path / "records.jsonl").unlink()
    with pytest.raises(DiskError, match="was removed while the run was writing to it"):
        folder.append(outcome("a", 3, 0, 0, 0.0, 3.0))
    folder.close()
