"""The one server of all clients: `harness serve` in a process of its own, and what it says of itself."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.peers.load import SERVER_WORDS, quantile

START_LIMIT_S = 30


@dataclass(frozen=True)
class Lateness:
    """Of what the server sent since it was last asked to forget, in seconds behind its plan, by its own log."""

    attempts: int
    whole: int
    first_p50_s: float
    first_p99_s: float
    all_p50_s: float
    all_p99_s: float


class Server:
    """A running server."""

    def __init__(self, port: int, pid: int) -> None:
        self.url, self.pid = f"http://127.0.0.1:{port}", pid
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def forget(self) -> None:
        """Empty the log: else it grows from client to client, and the last ones meet a larger process."""
        self._read("/_harness/reset", b"")

    def lateness(self) -> Lateness:
        """What the log comes to."""
        return lateness_of([json.loads(line) for line in self._read("/_harness/log").splitlines()])

    def cpu_s(self) -> float:
        """Seconds of CPU since it began, to the nanosecond: a few requests take less than a tick of /proc."""
        return time.clock_gettime(_cpu_clock_of(self.pid))

    def _read(self, path: str, body: bytes | None = None) -> bytes:
        with self._opener.open(self.url + path, data=body, timeout=120) as answer:
            return bytes(answer.read())


def lateness_of(lines: list[dict[str, Any]]) -> Lateness:
    """What lines of the log come to; what was never sent, or never planned to be, is left out."""
    sent = [
        [(event["name"], event["real_s"] - event["planned_s"]) for event in line["events"] if _was_sent(event)]
        for line in lines
    ]
    late = [by for events in sent for _, by in events] or [0.0]
    first = [next(by for name, by in events if name == "token") for events in sent if _has_token(events)] or [0.0]
    return Lateness(
        attempts=len(lines),
        whole=sum(line["events"][-1]["real_s"] is not None for line in lines),
        first_p50_s=quantile(first, 0.5),
        first_p99_s=quantile(first, 0.99),
        all_p50_s=quantile(late, 0.5),
        all_p99_s=quantile(late, 0.99),
    )


def _cpu_clock_of(pid: int) -> int:
    """The clock that counts a process's CPU, made as clock_getcpuclockid(3) of glibc makes it."""
    return (~pid << 3) | 2


def _was_sent(event: dict[str, object]) -> bool:
    return event["real_s"] is not None and event["planned_s"] is not None


def _has_token(events: list[tuple[str, float]]) -> bool:
    return any(name == "token" for name, _ in events)


@contextlib.contextmanager
def served(*words: str) -> Iterator[Server]:
    """The server on a free port, for as long as the block lasts; `words` change its answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "harness", "serve", f"port={port}", *(words or SERVER_WORDS)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + START_LIMIT_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, "the server did not start"
            assert time.monotonic() < until, "the server does not listen"
            time.sleep(0.05)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
