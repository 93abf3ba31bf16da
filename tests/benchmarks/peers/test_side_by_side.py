"""This harness beside other load generators and the SDK alone, against the same server in the same run.

    pytest tests/benchmarks/peers -m bench --benchmark-enable -s

Every client puts the same load on one server in a process of its own, one client after the other, in turns; the
figures are medians of five (BENCHMARK_ROUNDS lowers that). Each client is asked what it measured, the server what it
really sent and when, and the system what both of them cost. The others are installed on the first run, which takes
some minutes and gigabytes; what cannot be installed is left out, and said.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.benchmarks import figures
from tests.benchmarks.peers.load import FIRST_S, LOADS, Client, Load, Reading, milliseconds
from tests.benchmarks.peers.measured import Cost, measured
from tests.benchmarks.peers.others import PEERS
from tests.benchmarks.peers.ours import FLOORS, HARNESSES
from tests.benchmarks.peers.server import Lateness, Server, served

ROUNDS, LIMIT_S = 5, 300
SMALL = Load(4, 8)


@dataclass
class Turns:
    """What became of one client: a row for each of its turns, or why there is none."""

    client: Client
    rows: list[figures.Row] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def median(self, load: Load) -> figures.Row:
        """Its row of the table."""
        about = {"client": self.client.name, "in_flight_asked": load.in_flight, "requests": load.requests}
        if not self.rows:
            return about | {"left_out": self.troubles[0]}
        rates = [row["requests_per_s"] for row in self.rows]
        spread = {"requests_per_s_least": min(rates), "requests_per_s_most": max(rates), "turns": len(rates)}
        return about | figures.medians(self.rows) | spread | ({"trouble": self.troubles} if self.troubles else {})


def turn(client: Client, load: Load, server: Server, folder: Path) -> figures.Row:
    """One run of one client. Raises AssertionError when not every request was answered."""
    server.forget()
    before, own = server.cpu_s(), time.process_time()
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    command = client.command(server.url, load, folder / "out")
    cost = measured(command, environment | dict(client.environment()), folder / "errors", LIMIT_S)
    server_s, own_s = server.cpu_s() - before, time.process_time() - own
    assert cost.exit_code == 0, f"exit code {cost.exit_code}: {cost.said}"
    reading, lateness = client.read(folder / "out"), server.lateness()
    assert reading.answered >= load.requests, f"{reading.answered} of {load.requests} answered"
    assert lateness.whole >= load.requests, f"the server sent {lateness.whole} whole answers"
    return row(reading, lateness, cost, server_s, own_s)


def row(reading: Reading, lateness: Lateness, cost: Cost, server_s: float, own_s: float) -> figures.Row:
    """The figures of one turn: errors of the time to first content, and what everybody spent, in cores too."""

    def error_ms(seconds: float | None) -> float | None:
        return milliseconds(None if seconds is None else seconds - FIRST_S)

    return {
        "requests_per_s": reading.requests_per_s,
        "in_flight": reading.in_flight,
        "ttft_error_p50_ms": error_ms(reading.ttft_p50_s),
        "ttft_error_p99_ms": error_ms(reading.ttft_p99_s),
        "wire_error_p50_ms": error_ms(reading.wire_p50_s),
        "wire_error_p99_ms": error_ms(reading.wire_p99_s),
        "command_s": cost.wall_s,
        "cpu_ms": 1000 * cost.cpu_s / reading.answered,
        "peak_mib": cost.peak_mib,
        "client_cores": cost.cpu_s / cost.wall_s,
        "server_cpu_ms": 1000 * server_s / lateness.attempts,
        "server_cores": server_s * reading.requests_per_s / reading.answered,
        "server_late_p50_ms": 1000 * lateness.first_p50_s,
        "server_late_p99_ms": 1000 * lateness.first_p99_s,
        "others_cores": max(0.0, cost.machine_cpu_s - cost.cpu_s - server_s - own_s) / cost.wall_s,
    }


def ready(clients: Sequence[Client]) -> list[Turns]:
    """The clients, and of those that cannot be had the reason."""
    found = []
    for client in clients:
        turns = Turns(client)
        try:
            client.ready()
        except pytest.skip.Exception as reason:
            turns.troubles.append(str(reason))
        found.append(turns)
    return found


def ideal(load: Load) -> figures.Row:
    """The row of a client that costs nothing."""
    about = {"client": "ideal", "in_flight_asked": load.in_flight, "requests": load.requests}
    return about | {"requests_per_s": load.ideal_per_s, "in_flight": load.in_flight, "command_s": load.ideal_s}


@pytest.mark.bench
@pytest.mark.parametrize("load", LOADS, ids=lambda load: f"{load.in_flight}-in-flight")
def test_side_by_side(load, benchmark, tmp_path: Path, capsys):
    """The table is printed; that the harness itself answered every request in every turn is what is asserted."""
    compared(load, benchmark, tmp_path, capsys, (*HARNESSES, *FLOORS) if figures.smoke() else None)


def compared(load: Load, benchmark, tmp_path: Path, capsys, clients: Sequence[Client] | None = None) -> None:
    load = SMALL if figures.smoke() else load
    everybody = ready(clients or (*PEERS, *HARNESSES, *FLOORS))

    def play() -> None:
        for number in range(figures.rounds(ROUNDS)):
            # Who comes first changes, so that nobody always follows the same client.
            for place in range(len(everybody)):
                turns = everybody[(place + number) % len(everybody)]
                if turns.troubles and not turns.rows:
                    continue
                folder = tmp_path / f"{number}-{place}"
                folder.mkdir()
                try:
                    turns.rows.append(turn(turns.client, load, server, folder))
                    said = f"{turns.rows[-1]['requests_per_s']:.1f} requests/s"
                except AssertionError as trouble:
                    said = str(trouble).splitlines()[0]
                    turns.troubles.append(said)
                with capsys.disabled():
                    print(f"round {number + 1}, {turns.client.name}: {said}", file=sys.stderr)

    with served() as server:
        benchmark.pedantic(play, rounds=1)
    rows = [*(turns.median(load) for turns in everybody), ideal(load)]
    versions = {name: version for turns in everybody if turns.rows for name, version in turns.client.versions().items()}
    figures.add(benchmark, f"clients_{load.in_flight}", rows, versions=versions)
    with capsys.disabled():
        show(load, rows)
    for turns in everybody:
        assert turns.client not in HARNESSES or not turns.troubles, (turns.client.name, turns.troubles)


def show(load: Load, rows: Sequence[figures.Row]) -> None:
    """Print the table."""
    print(f"\n\n{load.in_flight} in flight, {load.requests} requests; errors of TTFT in ms, p50 / p99; CPU per request")
    head = f"{'client':<28}{'req/s':>7}{'in flight':>10}{'TTFT':>15}{'on the wire':>15}{'command s':>10}{'CPU ms':>7}"
    print(f"{head}{'MiB':>6}{'server late':>13}{'its cores':>10}{'others':>7}")
    for one in rows:
        if "left_out" in one:
            print(f"{one['client']:<28} left out: {one['left_out']}")
            continue

        def cell(*names: str, digits: int = 1, one: figures.Row = one) -> str:
            values = [one.get(name) for name in names]
            return "" if None in values else " / ".join(f"{value:.{digits}f}" for value in values)

        print(
            f"{one['client']:<28}{cell('requests_per_s'):>7}{cell('in_flight', digits=0):>10}"
            f"{cell('ttft_error_p50_ms', 'ttft_error_p99_ms'):>15}{cell('wire_error_p50_ms', 'wire_error_p99_ms'):>15}"
            f"{cell('command_s'):>10}{cell('cpu_ms', digits=2):>7}{cell('peak_mib', digits=0):>6}"
            f"{cell('server_late_p50_ms', 'server_late_p99_ms'):>13}{cell('server_cores', digits=2):>10}"
            f"{cell('others_cores', digits=2):>7}"
        )
        for trouble in one.get("trouble", ()):
            print(f"{'':<28} a turn failed: {trouble}")
