"""Memory of this harness while thousands of long answers are under way at once.

    pytest tests/benchmarks/peers/test_many_in_flight.py -m bench --benchmark-enable -s

The first of 31 tokens comes after 5 s and the others half a second apart, so that even one core can hold the window
full; two windows are played, over as many connections (the SDK's default is 1,000 at most). Figures are medians of
three (BENCHMARK_ROUNDS lowers that).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks import figures
from tests.benchmarks.peers.load import Load, milliseconds, server_words
from tests.benchmarks.peers.ours import HARNESSES, Harness
from tests.benchmarks.peers.server import Server, served
from tests.benchmarks.peers.test_side_by_side import turn

ROUNDS = 3
TOKENS = 31
#: The load, and seconds to the first token and from one to the next.
LOAD, SMALL = (Load(5_000, 10_000), 5.0, 0.5), (Load(20, 40), 0.5, 0.02)
#: What the project promises.
TARGET_MIB = 500
#: Those of ours that can take in so much.
CLIENTS = [
    Harness(client.name, (*client.words, "strategy.max_connections=auto", f"workload.max_tokens={TOKENS}"))
    for client in HARNESSES
    if "asyncio" in client.name
]


def most_on_the_wire(attempts: pd.DataFrame) -> int:
    """The most requests that were written and not yet answered in whole at one instant."""
    written, ended = np.sort(attempts["written_s"]), np.sort(attempts["last_content_s"])
    return int((np.arange(1, len(written) + 1) - np.searchsorted(ended, written, side="right")).max())


def row(client: Harness, load: Load, first_s: float, server: Server, folder: Path) -> figures.Row:
    """One run. Raises AssertionError when not every request was answered."""
    folder.mkdir()
    found = turn(client, load, server, folder)
    (cell,) = json.loads((folder / "out" / "summary.json").read_text())["cells"]
    wire = cell["wire"]["ttft_s"]
    return {name: found[name] for name in ("requests_per_s", "command_s", "cpu_ms", "peak_mib")} | {
        "most_in_flight": most_on_the_wire(pd.read_parquet(folder / "out" / "attempts.parquet")),
        "wire_error_p50_ms": milliseconds(wire["p50"] - first_s),
        "wire_error_p99_ms": milliseconds(wire["p99"] - first_s),
    }


@pytest.mark.bench
def test_memory_with_many_in_flight(benchmark, tmp_path: Path, capsys):
    """The table is printed; that the window was full, and that every request was answered, is asserted."""
    load, first_s, between_s = SMALL if figures.smoke() else LOAD
    found: dict[str, list[figures.Row]] = {client.name: [] for client in CLIENTS}

    def play() -> None:
        for number in range(figures.rounds(ROUNDS)):
            for place, client in enumerate(CLIENTS):
                found[client.name].append(row(client, load, first_s, server, tmp_path / f"{number}-{place}"))

    with served(*server_words(first_s, TOKENS, between_s)) as server:
        benchmark.pedantic(play, rounds=1)
    about = {"in_flight_asked": load.in_flight, "requests": load.requests, "target_mib": TARGET_MIB}
    rows = [{"client": name} | about | figures.medians(turns) for name, turns in found.items()]
    figures.add(benchmark, f"clients_{load.in_flight}", rows, versions=CLIENTS[0].versions())
    with capsys.disabled():
        print(f"\n\n{load.in_flight} in flight, {load.requests} requests")
        for one in rows:
            print(
                f"{one['client']:<34} {one['peak_mib']:.0f} MiB, {one['most_in_flight']:.0f} at once, "
                f"{one['requests_per_s']:.1f} requests/s, {one['cpu_ms']:.2f} ms of CPU a request, TTFT on the wire "
                f"{one['wire_error_p50_ms']:+.1f} / {one['wire_error_p99_ms']:+.1f} ms"
            )
    assert min(turn["most_in_flight"] for turns in found.values() for turn in turns) >= 0.95 * load.in_flight
