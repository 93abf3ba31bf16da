"""How many answers a second one worker of a mock gives, beside other mocks in the same run.

    pytest tests/benchmarks/test_mock_throughput.py -m bench --benchmark-enable

wrk with 100 connections on one core, the server on the other; answers of 16 tokens without latency, access logs off
where they can be, this mock's truth log on. Each figure is the median of three rounds, and the servers take turns in
each. The others are installed into environments of their own, guidellm with several gigabytes; what cannot be
installed is left out. The floor is ASGI with no mock behind it. How many chunks an answer has is counted, since some
mocks give what they please.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import __version__
from tests import environments
from tests.benchmarks import figures, programs
from tests.benchmarks.cores import pinned

pytestmark = pytest.mark.bench

CONNECTIONS, SECONDS, ROUNDS = 100, 4, 3
BODY = '{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":16,"stream":%s}'
BODIES = {"streamed": BODY % "true", "plain": BODY % "false"}


@dataclass
class Peer:
    """A mock server: how to start it on a port, and which version of it that is."""

    name: str
    command: Callable[[int], list[str]]
    version: Callable[[], str]


def ours(port: int) -> list[str]:
    return [sys.executable, "-m", "harness", "serve", "profile=instant", f"port={port}"]


def floor(port: int) -> list[str]:
    granian = str(programs.granian() / "granian")
    app = ["--interface", "asgi", "--workers", "1", "--runtime-threads", "1", "--no-ws", "--loop", "uvloop"]
    return [granian, *app, "--working-dir", str(Path(__file__).parent), "--port", str(port), "floor:app"]


def guidellm(port: int) -> list[str]:
    words = f"mock-server --port {port} --ttft-ms 0 --itl-ms 0 --output-tokens 16"
    return [str(programs.guidellm() / "guidellm"), *words.split()]


def llmock(port: int) -> list[str]:
    return [str(programs.llmock() / "llmock"), "serve", "--port", str(port)]


def aimock(port: int) -> list[str]:
    """It answers what its file of fixtures says, so many letters a chunk."""
    programs_of = programs.aimock()
    fixtures = programs_of.parents[1] / "fixtures.json"
    answer = {"match": {"userMessage": "hi"}, "response": {"content": "word " * 16}}
    fixtures.write_text(json.dumps({"fixtures": [answer]}))
    return [str(programs_of / "llmock"), "-p", str(port), "-f", str(fixtures), "-c", "5", "--log-level", "silent"]


def version(programs_of: Callable[[], Path], package: str) -> Callable[[], str]:
    return lambda: programs.version(programs_of(), package)


PEERS = [
    Peer("this mock, truth log on", ours, lambda: __version__),
    Peer("guidellm", guidellm, version(programs.guidellm, "guidellm")),
    Peer("LLMock", llmock, version(programs.llmock, "llmock")),
    Peer("aimock", aimock, lambda: programs.AIMOCK[0].rpartition("@")[2]),
    Peer("floor", floor, version(programs.granian, "granian")),
]
OURS = PEERS[0].name


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
    wrong = [line.strip() for line in said.splitlines() if "Non-2xx" in line or "Socket errors" in line]
    assert not wrong, f"wrk says {wrong[0]}"
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
    turns: dict[str, list[dict[str, float]]] = {peer.name: [] for peer in PEERS}
    lengths: dict[str, int] = {}
    left_out: dict[str, str] = {}

    def rounds() -> None:
        for _ in range(figures.rounds(ROUNDS)):
            for peer in PEERS:
                if peer.name in left_out:
                    continue
                try:
                    with started(peer) as port:
                        lengths[peer.name] = chunks(port)
                        assert read(port, BODIES["plain"])
                        rates = {kind: answers_per_second(port, at) for kind, at in scripts(tmp_path).items()}
                        turns[peer.name].append(rates)
                except (pytest.skip.Exception, AssertionError) as reason:
                    left_out[peer.name] = str(reason).splitlines()[0]

    benchmark.pedantic(rounds, rounds=1)
    assert OURS not in left_out, left_out[OURS]
    assert lengths[OURS] == 16
    ours_per_s = figures.medians(turns[OURS])
    rows = []
    for peer in PEERS:
        if peer.name in left_out:
            rows.append({"server": peer.name, "left_out": left_out[peer.name]})
            continue
        found = figures.medians(turns[peer.name])
        multiples = {f"{kind}_multiple": ours_per_s[kind] / rate for kind, rate in found.items()}
        about = {"server": peer.name, "version": peer.version(), "chunks": lengths[peer.name]}
        rows.append(about | found | multiples)
    figures.add(benchmark, "mocks", rows)
    with capsys.disabled():
        print(f"\n\n{'server':<24}{'chunks':>7}{'streamed/s':>12}{'ratio':>7}{'plain/s':>10}{'ratio':>7}")
        for row in rows:
            if "left_out" in row:
                print(f"{row['server']:<24} left out: {row['left_out']}")
                continue
            streamed = f"{row['streamed']:>12,.0f}{row['streamed_multiple']:>7.2f}"
            plain = f"{row['plain']:>10,.0f}{row['plain_multiple']:>7.2f}"
            print(f"{row['server']:<24}{row['chunks']:>7}{streamed}{plain}")
