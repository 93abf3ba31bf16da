"""What a second core brings.

    pytest tests/benchmarks/test_engines_speed.py -m bench --benchmark-enable -s

`processes` beside `local`, in turn within one run, medians of three: in virtual time, where each process has its mock
inside, and in real time against one server for both. Prints requests per second, and the milliseconds of CPU for each
request: of the process that runs and writes, of each process that plays, and of the server. What takes most of it
limits the rate; on a machine whose cores are busy with other things, the last line says what could be had without them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.config import compose
from harness.engines import cores
from harness.mock.server import ServerProcess
from harness.profiles import Profile
from harness.runner import open_folder, run

WORKERS = 2

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(cores() != WORKERS, reason="two cores are what is measured"),
]

#: So large that starting two processes does not count.
REQUESTS = 4_000
#: Requests per second that the load allows in real time: more than both engines reach, or it would limit them.
OFFERED_PER_S = 2_000


@dataclass(frozen=True)
class Used:
    """Seconds of CPU: of this process, of the ended ones that it started, and of a server."""

    here: float
    children: float
    server: float = 0.0

    @classmethod
    def now(cls, server: int | None = None) -> Used:
        """What has been used so far."""
        times = os.times()
        here, children = times.user + times.system, times.children_user + times.children_system
        return cls(here, children, 0.0 if server is None else cpu_of(server))

    def since(self, before: Used) -> Used:
        return Used(self.here - before.here, self.children - before.children, self.server - before.server)


@dataclass(frozen=True)
class Round:
    """One run: how many seconds it took, and what was used for it."""

    seconds: float
    used: Used


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compared(rounds: dict[str, Callable[[Path], Round]], folder: Path, times: int = 3) -> dict[str, Round]:
    """The median round of each, played in turn."""
    found: dict[str, list[Round]] = {name: [] for name in rounds}
    for number in range(times):
        for name, play in rounds.items():
            found[name].append(play(folder / f"{name}{number}"))
    return {name: sorted(several, key=lambda one: one.seconds)[times // 2] for name, several in found.items()}


def shown(title: str, found: dict[str, Round]) -> None:
    print(f"\n{title}")
    for name, one in found.items():
        each = [1000 * seconds / REQUESTS for seconds in (one.used.here, one.used.children / WORKERS, one.used.server)]
        cpu = "here {:.2f}, each of two that play {:.2f}, server {:.2f}".format(*each)
        print(f"{name:<10} {REQUESTS / one.seconds:7.1f} requests/s; ms of CPU a request: {cpu}")
    local, processes = found["local"], found["processes"]
    busiest = max(processes.used.here, processes.used.children / WORKERS)
    print(f"processes / local: {local.seconds / processes.seconds:.2f}; by CPU {local.used.here / busiest:.2f}")


@pytest.mark.parametrize("shards", [1, 2])
def test_virtual_time(shards, tmp_path: Path, capsys):
    """That every request has its record is what is asserted: trials shared out, and one trial in two shards."""
    words = ["strategy=sdk_default", "strategy.stream=true", "strategy.dispatch=window", f"trials={8 // shards}"]
    words += ["profile=calm", "workload.batches=1", f"workload.batch_size={REQUESTS // 8 * shards}", f"shards={shards}"]

    def play(engine: str) -> Callable[[Path], Round]:
        def played(out: Path) -> Round:
            experiment = compose(None, [*words, f"engine={engine}", f"out={out}"])
            folder = open_folder(experiment)
            began, used = time.monotonic(), Used.now()
            assert run(experiment, folder).exit_code == 0
            seconds = time.monotonic() - began
            assert sum(1 for _ in folder.lines()) == REQUESTS
            return Round(seconds, Used.now().since(used))

        return played

    found = compared({engine: play(engine) for engine in ("local", "processes")}, tmp_path)
    with capsys.disabled():
        shown(f"virtual time, {REQUESTS:,} streamed requests, shards={shards}", found)


@pytest.mark.parametrize("in_flight", [100, 400])
def test_real_time(in_flight, tmp_path: Path, capsys):
    """That every request was answered is what is asserted. The clients are limited by themselves, not by latency."""
    latency_s = in_flight / OFFERED_PER_S
    words = ["clock=real", "strategy=sdk_default", "strategy.dispatch=window", f"strategy.in_flight={in_flight}"]
    words += ["workload.batches=1", f"workload.batch_size={REQUESTS}", "workload.max_tokens=1"]

    def play(engine: str, url: str, pid: int) -> Callable[[Path], Round]:
        def played(out: Path) -> Round:
            experiment = compose(None, [*words, f"engine={engine}", f"out={out}", f"target.base_url={url}"])
            folder = open_folder(experiment)
            used = Used.now(pid)
            assert run(experiment, folder).exit_code == 0
            lines = list(folder.lines())
            assert len(lines) == REQUESTS
            assert {line["outcome"] for line in lines} == {"ok"}
            seconds = max(line["end_s"] for line in lines) - min(line["start_s"] for line in lines)
            return Round(seconds, Used.now(pid).since(used))

        return played

    # Plain answers of one token cost a server least.
    constant = {"kind": "constant", "value": latency_s}
    cheap = Profile.from_dict({"name": "cheap", "first_content": constant, "output_tokens": 1})
    with ServerProcess(cheap) as server:
        rounds = {engine: play(engine, server.base_url, server.pid) for engine in ("local", "processes")}
        found = compared(rounds, tmp_path)
    with capsys.disabled():
        shown(f"real time, {REQUESTS:,} plain requests, {in_flight} in flight, {latency_s:g} s each", found)
