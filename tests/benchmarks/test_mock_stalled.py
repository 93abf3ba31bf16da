"""Thousands of streams that are all stuck at once, on one worker.

    pytest tests/benchmarks/test_mock_stalled.py -m bench --benchmark-enable

Every stream sends its headers within two seconds and its first chunk within another, and then is silent for 10 to 20 s
but for a comment each second, before the rest of its answer comes. Prints the largest memory of the server and how far
the real times of its events were from the planned ones, by its own log.
"""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.request
from pathlib import Path

import pytest

from harness.mock.server import ServerProcess
from harness.profiles import Profile
from tests.benchmarks import figures
from tests.benchmarks.cores import away_from, pinned

pytestmark = pytest.mark.bench

STREAMS, OPENED_IN_S = 5000, 5.0
PROFILE = Profile.from_dict(
    {
        "name": "stalled",
        "headers": {"kind": "uniform", "low": 0.1, "high": 2},
        "first_content": {"kind": "uniform", "low": 0, "high": 1},
        "output_tokens": 16,
        "faults": [
            {
                "kind": "stall",
                "probability": 1,
                "position": "after_tokens",
                "tokens": 1,
                "duration": {"kind": "uniform", "low": 10, "high": 20},
                "noise": "comments",
                "every_s": 1,
            }
        ],
    }
)


async def stream(port: int, number: int) -> bool:
    """Whether the whole answer came."""
    await asyncio.sleep(number / STREAMS * OPENED_IN_S)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true}'
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: mock\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answer = await reader.read(-1)
    writer.close()
    return answer.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


def read(url: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=120) as answer:
        return answer.read()


def peak_mib(process: int) -> float:
    """The most memory that a process ever held, where the system tells."""
    status = Path(f"/proc/{process}/status")
    if not status.exists():
        pytest.skip("the system does not tell the memory of another process")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def quantile(values: list[float], q: float) -> float:
    return sorted(values)[min(len(values) - 1, int(q * len(values)))]


def test_stalled_streams_stay_on_schedule(benchmark, capsys):
    """Memory and lateness are printed; that all streams ended as planned is what is asserted."""
    found = {}

    def play() -> None:
        command = pinned([sys.executable, "-m", "harness.mock.server"], 0)
        with ServerProcess(PROFILE, command=command) as server:
            port = int(server.base_url.split(":")[2].split("/")[0])

            async def main() -> list[bool]:
                return await asyncio.gather(*(stream(port, number) for number in range(STREAMS)))

            found["whole"] = sum(asyncio.run(main()))
            found["health"] = json.loads(read(f"http://127.0.0.1:{port}/health"))["timing"]
            found["log"] = [json.loads(line) for line in read(f"http://127.0.0.1:{port}/_harness/log").splitlines()]
            found["peak_mib"] = peak_mib(server.pid)

    with away_from(0):
        benchmark.pedantic(play, rounds=1)
    assert found["whole"] == STREAMS
    events = [event for line in found["log"] for event in line["events"]]
    late = [event["real_s"] - event["planned_s"] for event in events if event["real_s"] is not None]
    # Opened within 5 s and silent for at least 10, all were stuck at once.
    assert len(found["log"]) == STREAMS
    about = {"streams": STREAMS, "peak_mib": found["peak_mib"], "events": len(late), "max_ms": max(late) * 1000}
    quantiles = {f"{name}_ms": quantile(late, q) * 1000 for name, q in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))}
    figures.add(benchmark, "stalled", [about | quantiles])
    with capsys.disabled():
        print(f"\n\n{STREAMS:,} stalled streams at once on one worker: at most {found['peak_mib']:.0f} MiB")
        print(
            f"{len(late):,} events, real - planned: "
            + ", ".join(f"p{q * 100:g} {quantile(late, q) * 1000:.2f} ms" for q in (0.5, 0.99, 0.999))
            + f", max {max(late) * 1000:.2f} ms"
        )
        print(f"by /health, noise included: p99 {found['health']['p99_s'] * 1000:.2f} ms")
