"""The command in a process of its own, which tests kill, starve and stop, and then continue."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.storage import RunFolder

#: Tables and summary that equal records make equal, byte for byte.
FOLLOWING = ("summary.json", "batches.csv", "quantiles.csv")
#: Seconds after which whatever a test waits for has failed.
PATIENCE_S = 600.0

#: What tests find in the environment is theirs: a colour, a key or a proxy must not change what a run says.
_CLEAN = {name: value for name, value in os.environ.items() if not name.lower().endswith(("_proxy", "api_key"))}

_started: list[Any] = []


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "harness", *words]


def started(where: Path, words: Sequence[str], *, env: Mapping[str, str] | None = None, **settings: Any) -> Any:
    """The command under way; its two streams are pipes."""
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **settings}
    _started.append(subprocess.Popen(command(*words), cwd=where, env={**_CLEAN, **(env or {})}, **piped))
    return _started[-1]


def end_all() -> None:
    """Kill what a test that failed has left under way."""
    while _started:
        process = _started.pop()
        if process.poll() is None:
            killed(process)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def called(where: Path, words: Sequence[str], **settings: Any) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the command."""
    process = started(where, words, **settings)
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


def lines(path: Path) -> list[dict[str, Any]]:
    """Every whole record of a run folder in the order written; none where there is no folder yet."""
    folder = RunFolder(path)
    return list(folder.lines()) if path.is_dir() and folder.has_records else []


def written(path: Path) -> int:
    """How many whole records there are, without reading them: who waits looks often."""
    try:
        return (path / "records.jsonl").read_bytes().count(b"\n")
    except OSError:
        return 0


def keyed(records: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int, int], Mapping[str, Any]]:
    """The record that counts for each request: the latest."""
    return {(one["cell"], one["trial"], one["request"]): one for one in records}


def status(path: Path) -> str:
    """What the manifest of a run says; "" before there is one."""
    try:
        return str(json.loads((path / "manifest.json").read_text())["status"])
    except (OSError, ValueError):
        return ""


def waited_for(true: Callable[[], bool], process: Any = None) -> bool:
    """Wait until something is true; False when the process ended before it was. Fails after `PATIENCE_S` seconds."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        if process is not None and process.poll() is not None:
            return False
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.005)
    return True


def killed(process: Any) -> None:
    """kill -9, and nothing of it is left but the processes that it started."""
    process.kill()
    process.wait(PATIENCE_S)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def children(pid: int) -> list[int]:
    """The processes that a process has started and that are there."""
    found: list[int] = []
    for task in _listed(Path(f"/proc/{pid}/task")):
        with contextlib.suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found


def command_line(pid: int) -> bytes:
    """The words with which a process was started, each ended by a zero."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def is_alive(pid: int) -> bool:
    """Whether a process is there and still does something."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def assert_equal_runs(part: Path, whole: Path) -> None:
    """The records in their order, and everything that follows from them."""
    expected = lines(whole)
    assert expected
    assert lines(part) == expected
    assert_equal_tables(part, whole)


def assert_equal_tables(part: Path, whole: Path) -> None:
    import pyarrow.parquet as pq

    for name in FOLLOWING:
        assert (part / name).read_bytes() == (whole / name).read_bytes(), name
    for name in ("requests", "attempts"):
        assert pq.read_table(part / f"{name}.parquet") == pq.read_table(whole / f"{name}.parquet")


def _listed(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.iterdir()
    except OSError:
        return
