"""How many answers a second one worker of a mock gives, beside other mocks in the same run.

    pytest tests/benchmarks/test_mock_throughput.py -m bench --benchmark-enable

wrk with 100 connections on one core, the server on the other; answers of 16 tokens without latency, access logs off
where they can be, this mock's truth log on. Each figure is the median of three rounds, and the servers take turns in
each. The others are installed into environments of their own, guidellm with several gigabytes; what cannot be
installed is left out. The floor is ASGI with no mock behind it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import environments
from tests.benchmarks.cores import pinned

pytestmark = pytest.mark.bench

CONNECTIONS, SECONDS, ROUNDS = 100, 4, 3
BODY = '{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":16,"stream":%s}'
BODIES = {"streamed": BODY % "true", "plain": BODY % "false"}


@dataclass
class Peer:
    """A mock server: how to start it on a port."""

    name: str
    command: Callable[[int], list[str]]


def ours(port: int) -> list[str]:
    return [sys.executable, "-m", "harness", "serve", "profile=instant", f"port={port}"]


def floor(port: int) -> list[str]:
    granian = str(environments.python("granian", "granian[uvloop]") / "granian")
    app = ["--interface", "asgi", "--workers", "1", "--runtime-threads", "1", "--no-ws", "--loop", "uvloop"]
    return [granian, *app, "--working-dir", str(Path(__file__).parent), "--port", str(port), "floor:app"]


def guidellm(port: int) -> list[str]:
    found = environments.python("guidellm", "guidellm==0.8.1", limit_s=1200) / "guidellm"
    return [str(found), *f"mock-server --port {port} --ttft-ms 0 --itl-ms 0 --output-tokens 16".split()]


def llmock(port: int) -> list[str]:
    found = environments.python("llmock", "llmock==0.2.2") / "llmock"
    return [str(found), "serve", "--port", str(port)]


PEERS = [Peer("llm-tail-harness", ours), Peer("guidellm", guidellm), Peer("LLMock", llmock), Peer("floor", floor)]


@contextlib.contextmanager
def started(peer: Peer) -> Iterator[int]:
    """The peer on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        pinned(peer.command(port), 0), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=plain_environment()
    )
    try:
        until = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, f"{peer.name} did not start"
            assert time.monotonic() < until, f"{peer.name} does not listen"
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}


def read(port: int, body: str) -> bytes:
    """One answer, to know that what is counted are answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status == 200, text
    return text


def chunks(port: int) -> int:
    """How many chunks of a streamed answer carry content."""
    events = [line[6:] for line in read(port, BODIES["streamed"]).split(b"\n") if line.startswith(b"data: {")]
    return sum(bool(choice["delta"].get("content")) for event in events for choice in json.loads(event)["choices"])


def answers_per_second(port: int, script: Path) -> float:
    """What wrk counts; every answer must have status 200."""
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    command = [
        environments.program("wrk"),
        "-t1",
        "--timeout=30s",
        f"-c{CONNECTIONS}",
        f"-d{SECONDS}s",
        "-s",
        str(script),
        url,
    ]
    said = subprocess.run(pinned(command, 1), check=True, capture_output=True, text=True).stdout
    assert "Non-2xx" not in said, said
    assert "Socket errors" not in said, said
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])


def scripts(folder: Path) -> dict[str, Path]:
    """wrk takes its body from a script."""
    found = {}
    for kind, body in BODIES.items():
        found[kind] = folder / f"{kind}.lua"
        found[kind].write_text(
            f"wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.body = '{body}'\n"
        )
    return found


def test_answers_per_second(benchmark, tmp_path: Path, capsys):
    """The table is printed; that every server gave whole answers is what is asserted."""
    environments.program("wrk")
    found: dict[tuple[str, str], list[float]] = {}
    lengths: dict[str, int] = {}
    left_out: dict[str, str] = {}

    def rounds() -> None:
        for _ in range(ROUNDS):
            for peer in PEERS:
                if peer.name in left_out:
                    continue
                try:
                    with started(peer) as port:
                        lengths[peer.name] = chunks(port)
                        assert read(port, BODIES["plain"])
                        for kind, script in scripts(tmp_path).items():
                            found.setdefault((peer.name, kind), []).append(answers_per_second(port, script))
                except pytest.skip.Exception as reason:
                    left_out[peer.name] = str(reason)

    benchmark.pedantic(rounds, rounds=1)
    assert lengths["llm-tail-harness"] == 16
    medians = {key: statistics.median(values) for key, values in found.items()}
    benchmark.extra_info["answers_per_second"] = {f"{name}, {kind}": value for (name, kind), value in medians.items()}
    with capsys.disabled():
        print(f"\n\n{'server':<18}{'chunks':>7}{'streamed/s':>12}{'ratio':>7}{'plain/s':>10}{'ratio':>7}")
        for name, length in lengths.items():
            row = f"{name:<18}{length:>7}"
            for kind, width in (("streamed", 12), ("plain", 10)):
                rate = medians[name, kind]
                row += f"{rate:>{width},.0f}{medians['llm-tail-harness', kind] / rate:>7.2f}"
            print(row)
        for name, reason in left_out.items():
            print(f"{name:<18} left out: {reason}")
