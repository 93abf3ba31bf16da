"""How much of what is measured is the client itself, with the SDK's two transports.

    pytest tests/benchmarks/test_transports_speed.py -m bench --benchmark-enable -s

The first of 16 tokens comes after 0.5 s, the others 20 ms apart: 125 requests/s are ideal with 100 in flight and 1,250
with 1,000. Prints requests per second, and by how much the time to first content is read too high, as a whole and on
the wire. Client and server share the machine's cores. `peers/` measures the same as whole commands, beside others.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.analysis import finish, frames
from harness.config import compose
from harness.runner import open_folder, run
from tests.benchmarks.peers.load import FIRST_S, SERVER_WORDS

pytestmark = pytest.mark.bench


def measured(transport: str, in_flight: int, requests: int, folder: Path) -> tuple[float, dict[str, float]]:
    """Requests per second, and quantiles of what was read too much, in milliseconds."""
    words = [
        *SERVER_WORDS, "clock=real", "strategy=sdk_default", "strategy.stream=true", "strategy.dispatch=window",
        f"strategy.in_flight={in_flight}", f"strategy.transport={transport}", "workload.batches=1",
        f"workload.batch_size={requests}", "workload.max_tokens=16", f"out={folder}",
    ]  # fmt: skip
    experiment = compose(None, words)
    run_folder = open_folder(experiment)
    assert run(experiment, run_folder).exit_code == 0
    summary = finish(run_folder)
    (cell,) = summary["cells"]
    assert cell["failed"] == 0
    table = frames(run_folder).attempts
    assert table is not None
    errors = {
        f"{name} p{share}": 1000 * float((table[column] - FIRST_S).quantile(share / 100))
        for name, column in (("TTFT", "ttft_s"), ("on the wire", "ttft_wire_s"))
        for share in (50, 99)
    }
    return requests / cell["total_s"]["mean"], errors


@pytest.mark.parametrize(("in_flight", "requests"), [(100, 1000), (1000, 3000)])
def test_what_the_transports_add(in_flight, requests, tmp_path: Path, benchmark, capsys):
    """That every request was answered is what is asserted; the rest is printed, medians of three in turn."""
    found: dict[str, list[tuple[float, dict[str, float]]]] = {"httpx2": [], "aiohttp": []}

    def turn() -> None:
        for transport, rounds in found.items():
            rounds.append(measured(transport, in_flight, requests, tmp_path / f"{transport}{len(rounds)}"))

    benchmark.pedantic(turn, rounds=3)
    with capsys.disabled():
        print(f"\n{in_flight} in flight, {requests} requests")
        for transport, rounds in found.items():
            middle = sorted(rounds, key=lambda one: one[0])[1]
            errors = ", ".join(f"{name} +{value:.1f} ms" for name, value in middle[1].items())
            print(f"{transport:<8} {middle[0]:6.1f} requests/s, {errors}")
