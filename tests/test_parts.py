"""Records that lie in several parts are read as one, and a crash while a part is finished loses nothing."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

import pytest

from harness.cli.live.tail import Tail
from harness.errors import UserError
from harness.records import SCHEMA_VERSION
from harness.storage import RunFolder, compress
from tests.folders import outcome

MANY = [outcome("c", 0, 0, request, 0.0, 1.5) for request in range(40)]
LINE = len(MANY[0].to_json()) + 1


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    run = RunFolder.create(tmp_path / "run", "made")
    run.write_manifest({"schema": SCHEMA_VERSION})
    run.rotate_bytes = 10 * LINE
    return run


def filled(folder: RunFolder) -> RunFolder:
    for one in MANY:
        folder.append(one)
    folder.close()
    return folder


def names(folder: RunFolder) -> list[str]:
    return sorted(path.name for path in folder.path.iterdir() if "records" in path.name)


def test_parts_are_compressed_and_read_as_one(folder):
    """In the order in which they were written, with tools that everyone has."""
    filled(folder)
    assert names(folder) == [*(f"records-0000{n}.jsonl.gz" for n in (1, 2, 3)), "records.jsonl"]
    assert list(folder.outcomes()) == MANY
    unpacked = subprocess.run(["gzip", "-dc", folder.path / "records-00001.jsonl.gz"], capture_output=True, check=True)
    assert unpacked.stdout.decode() == "".join(one.to_json() + "\n" for one in MANY[:10])


def test_equal_records_are_equal_bytes_compressed_too(tmp_path: Path):
    """Whenever they were written, and by whatever name."""
    for name in ("one", "other"):
        path = tmp_path / name
        path.write_text(MANY[0].to_json() + "\n")
        compress.compress(path)
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "other.gz").read_bytes()


def test_a_run_below_the_limit_keeps_one_file(folder):
    """Reached to the byte, and no more."""
    for one in MANY[:10]:
        folder.append(one)
    folder.close()
    assert names(folder) == ["records.jsonl"]
    folder.append(MANY[10])
    folder.close()
    assert names(folder) == ["records-00001.jsonl.gz", "records.jsonl"]


class PowerCutError(Exception):
    """The machine goes off."""


def _cut(*_, **__):
    raise PowerCutError


def _cut_before_the_rename(monkeypatch, folder):
    monkeypatch.setattr(Path, "rename", _cut)


def _cut_after_the_rename(monkeypatch, folder):
    monkeypatch.setattr(folder.parts, "_compress", _cut)


def _cut_while_compressing(monkeypatch, folder):
    def half(plain: Path) -> None:
        plain.with_name(f".{plain.name}.gz.1.partial").write_bytes(gzip.compress(plain.read_bytes())[:50])
        raise PowerCutError

    monkeypatch.setattr(folder.parts, "_compress", half)


def _cut_before_it_is_in_place(monkeypatch, folder):
    def unplaced(plain: Path) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", _cut)
            compress.compress(plain)

    monkeypatch.setattr(folder.parts, "_compress", unplaced)


def _cut_before_the_plain_one_is_gone(monkeypatch, folder):
    def doubled(plain: Path) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", _cut)
            compress.compress(plain)

    monkeypatch.setattr(folder.parts, "_compress", doubled)


CUTS = [
    _cut_before_the_rename, _cut_after_the_rename, _cut_while_compressing, _cut_before_it_is_in_place,
    _cut_before_the_plain_one_is_gone,
]  # fmt: skip


@pytest.mark.parametrize("cut", CUTS)
def test_a_crash_at_any_step_loses_nothing(folder, monkeypatch, cut):
    """What was appended is read at once, each record once, and a resumed run ends as one that was not interrupted."""
    for one in MANY[:10]:
        folder.append(one)
    with monkeypatch.context() as patch:
        cut(patch, folder)
        with pytest.raises(PowerCutError):
            folder.append(MANY[10])
    left = RunFolder.open(folder.path)
    assert left.has_records
    assert list(left.outcomes()) == MANY[:10]
    assert [one.request for one in Tail(left.parts).outcomes()] == list(range(10))
    assert left.parts.changed_ns > 0
    left.repair()
    left.rotate_bytes = folder.rotate_bytes
    for one in MANY[10:]:
        left.append(one)
    left.close()
    assert list(left.outcomes()) == MANY
    assert names(left) == [*(f"records-0000{n}.jsonl.gz" for n in (1, 2, 3)), "records.jsonl"]


def test_compressing_leaves_the_time_of_the_last_record(folder):
    """Tables that were written after it are still whole."""
    for one in MANY[:10]:
        folder.append(one)
    folder.close()
    before = folder.parts.changed_ns
    folder.parts.rotate()
    folder.parts.wait()
    assert names(folder) == ["records-00001.jsonl.gz"]
    assert folder.parts.changed_ns == before


def test_a_part_that_vanishes_while_it_is_read_is_read_to_its_end(folder):
    """The writer finishes and compresses the part that a reader has open."""
    for one in MANY[:10]:
        folder.append(one)
    reading = folder.outcomes()
    found = [next(reading)]
    for one in MANY[10:25]:
        folder.append(one)
    folder.close()
    assert not (folder.path / "records-00001.jsonl").exists()
    found += list(reading)
    assert found == MANY[:10]


def test_who_follows_is_led_from_part_to_part(folder):
    """Each record once, wherever the rotation comes between two looks."""
    tail, found = Tail(folder.parts), []
    for number, one in enumerate(MANY):
        folder.append(one)
        if number % 7 == 3:
            assert not tail.was_replaced
            found += tail.outcomes()
    folder.close()
    found += tail.outcomes()
    assert found == MANY


def test_who_follows_notices_that_all_began_anew(folder):
    """Also when a part that was read is there no more."""
    filled(folder)
    tail = Tail(folder.parts)
    assert len(list(tail.outcomes())) == 40
    for path in folder.path.glob("records-*"):
        path.unlink()
    assert tail.was_replaced
    assert [one.request for one in tail.outcomes()] == list(range(30, 40))


def test_progress_goes_up_to_the_end(folder):
    """Over all parts together, compressed or not."""
    many = [outcome("c", 0, 0, request, 0.0, 1.5) for request in range(3000)]
    folder.rotate_bytes = 1000 * LINE
    for one in many:
        folder.append(one)
    folder.close()
    for read in (folder.lines, Tail(folder.parts).outcomes):
        told: list[float] = []
        assert len(list(read(told.append))) == 3000
        assert told == sorted(told)
        assert told[0] < told[-1] <= 1


def test_a_missing_part_is_named(folder):
    """Rather than a summary of what is left."""
    filled(folder)
    (folder.path / "records-00002.jsonl.gz").unlink()
    with pytest.raises(UserError, match=r"records-00002\.jsonl\.gz is missing: restore it"):
        list(folder.outcomes())


def test_a_damaged_part_is_named(folder):
    """Cut short, and not compressed at all."""
    filled(folder)
    path = folder.path / "records-00002.jsonl.gz"
    whole = path.read_bytes()
    for damaged in (whole[:-20], b"not compressed"):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"records-00002\.jsonl\.gz is damaged; restore it"):
            list(folder.outcomes())


def test_a_line_that_is_no_record_is_named_with_its_part(folder):
    """The line's number is that in the part."""
    filled(folder)
    path = folder.path / "records-00002.jsonl.gz"
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join([*lines[:3], b"oops\n", *lines[3:]])))
    with pytest.raises(UserError, match=r"records-00002\.jsonl\.gz, line 4: not a record"):
        list(folder.outcomes())


def test_a_part_that_cannot_be_compressed_stays_plain(folder, monkeypatch):
    """No process can be started: the records are whole, and the run goes on."""

    def refuse(*_, **__):
        raise OSError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    filled(folder)
    assert names(folder) == [*(f"records-0000{n}.jsonl" for n in (1, 2, 3)), "records.jsonl"]
    assert list(folder.outcomes()) == MANY
