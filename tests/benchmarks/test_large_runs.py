"""How long a large run takes in virtual time on all cores, and how much memory.

`REQUESTS=1000000 pytest tests/benchmarks/test_large_runs.py -m bench --benchmark-enable -s` prints it for a million
requests in trials of 100,000, by default for 100,000 in trials of 10,000: the whole command, summary and tables
included.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

pytestmark = pytest.mark.bench

REQUESTS = int(os.environ.get("REQUESTS", "100000"))
TRIALS = 10
#: Seconds between two looks at the memory of the processes.
EVERY_S = 0.5
MIB = 2**20


def processes_of(parent: int) -> list[int]:
    """A process and all that it has started."""
    children = defaultdict(list)
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children[int(fields[1])].append(int(status.parent.name))
    found = [parent]
    for process in found:
        found += children[process]
    return found


def kib(process: int, file: str, field: str) -> int:
    """A figure of /proc in KiB; 0 of a process that is gone."""
    try:
        lines = Path(f"/proc/{process}/{file}").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(field)), 0)


class Memory:
    """Peaks of a command's processes: each one's resident set, and all together, what they share being counted once."""

    def __init__(self, parent: int) -> None:
        self._parent = parent
        self.peaks: dict[int, int] = {}
        self.together = 0

    def look(self) -> None:
        found = processes_of(self._parent)
        for process in found:
            self.peaks[process] = max(self.peaks.get(process, 0), kib(process, "status", "VmHWM:"))
        self.together = max(self.together, sum(kib(process, "smaps_rollup", "Pss:") for process in found))


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory is read from /proc")
def test_a_large_run(tmp_path: Path):
    """1,000,000 requests in under 15 minutes and 1 GiB on two cores is what it should be."""
    command = [
        sys.executable, "-m", "harness", "run", "strategy=article_none", "profile=calm", "workload.batch_size=100",
        f"workload.batches={REQUESTS // TRIALS // 100}", f"trials={TRIALS}", "engine=processes", "report=false",
        f"out={tmp_path / 'run'}",
    ]  # fmt: skip
    begun = time.perf_counter()
    before = os.times()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        memory = Memory(process.pid)
        while process.poll() is None:
            memory.look()
            time.sleep(EVERY_S)
    seconds, after = time.perf_counter() - begun, os.times()
    assert process.returncode == 0
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    parent = memory.peaks.pop(process.pid)
    print(
        f"\n{REQUESTS:,} requests in {seconds:.0f} s: {REQUESTS / seconds:.0f}/s, "
        f"{1e3 * cpu / REQUESTS:.2f} ms CPU each"
        f"\npeak memory: {parent / 1024:.0f} MiB the parent, {max(memory.peaks.values()) / 1024:.0f} MiB the largest "
        f"worker, {memory.together / 1024:.0f} MiB all together (shared pages once)"
    )
    sizes = {path.name: path.stat().st_size / MIB for path in sorted((tmp_path / "run").iterdir())}
    print(", ".join(f"{name} {size:.0f} MiB" for name, size in sizes.items() if size >= 1))
