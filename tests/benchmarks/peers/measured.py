"""A whole command as its user pays for it: seconds, CPU and memory of all its processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
#: Between two looks at the memory.
EVERY_S = 0.25


@dataclass(frozen=True)
class Cost:
    """What a command took; `exit_code` below zero is a signal, `said` the end of its errors.

    `peak_mib` is the sum over its processes, in which pages that several share are counted for each.
    `machine_cpu_s` is the CPU that the whole machine spent meanwhile.
    """

    exit_code: int
    wall_s: float
    cpu_s: float
    peak_mib: float
    machine_cpu_s: float
    said: str


class _Family:
    """The processes of one session, looked at every quarter of a second."""

    def __init__(self, session: int) -> None:
        self._session = session
        self._cpu_s: dict[int, float] = {}
        self._stop = threading.Event()
        self.peak_mib = 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> float:
        """Seconds of CPU of all processes as they were last seen."""
        self._stop.set()
        self._thread.join()
        return sum(self._cpu_s.values())

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_S):
            self._look()

    def _look(self) -> None:
        pages = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                stat = path.read_text()
            except OSError:
                # It has ended between the list and the look.
                continue
            fields = stat.rpartition(")")[2].split()
            if int(fields[3]) == self._session:
                pages += int(fields[21])
                self._cpu_s[int(path.parent.name)] = sum(times_of(stat))
        self.peak_mib = max(self.peak_mib, pages * _PAGE / 2**20)


def times_of(stat: str) -> tuple[float, float]:
    """User and system seconds of a line of /proc/PID/stat; a command's name may hold blanks and brackets."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) / _TICKS, int(fields[12]) / _TICKS


def busy_s() -> float:
    """Seconds of CPU that the machine has spent since it was started, waiting not counted."""
    first = Path("/proc/stat").read_text().splitlines()[0].split()
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, first[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS


def measured(command: Sequence[str], environment: Mapping[str, str], errors: Path, limit_s: float) -> Cost:
    """Run a command to its end, or kill it and all that it started after `limit_s`."""
    busy, begun = busy_s(), time.perf_counter()
    with errors.open("w") as stderr:
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True
        )
        family = _Family(process.pid)
        limit = threading.Timer(limit_s, _kill, (process.pid,))
        limit.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            limit.cancel()
            seen_s = family.end()
            _kill(process.pid)
    wall_s = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    last = errors.read_text(errors="replace").strip().splitlines()[-1:]
    return Cost(
        exit_code=process.returncode,
        wall_s=wall_s,
        # The system's own count lacks processes that nobody waited for; the looks lack the last quarter of a second.
        cpu_s=max(usage.ru_utime + usage.ru_stime, seen_s),
        peak_mib=family.peak_mib,
        machine_cpu_s=busy_s() - busy,
        said=last[0] if last else "",
    )


def _kill(session: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(session, signal.SIGKILL)
