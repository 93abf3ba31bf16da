"""The scripts that a thousand requests meet are the same whoever asks, when, where and in which order."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import httpx2
import pytest

from harness import clock
from harness.mock.app import MockApp
from harness.mock.server import ServerProcess
from harness.openai_adapter import DirectTransport
from harness.profiles import Profile

CHAT = "/v1/chat/completions"
#: Every kind of draw: several distributions, faults that stick to attempts and prompts, and those with conditions.
MIXED = {
    "name": "mixed",
    "headers": {"kind": "lognormal", "median": 0.004, "sigma": 0.5},
    "between_tokens": {"kind": "gamma", "shape": 2, "scale": 0.0005},
    "end": {"kind": "mixture", "parts": [{"weight": 1, "of": 0.0}, {"weight": 1, "of": 0.002}]},
    "output_tokens": 3,
    "faults": [
        {"kind": "stall", "probability": 0.1, "duration": {"kind": "uniform", "low": 0.001, "high": 0.005}},
        {"kind": "slow_prompt", "probability": 0.1, "duration": 0.005},
        {"kind": "abrupt_disconnect", "probability": 0.1},
        {"kind": "status_error", "probability": 0.1, "first_attempts": 1},
        {"kind": "html_200", "probability": 0.2, "every": 4},
    ],
}
REQUESTS = range(500)
Script = list[tuple[str, float]]
Scripts = dict[tuple[str, int], tuple[str | None, Script]]


def scripts(lines: Iterable[dict[str, Any]]) -> Scripts:
    """The plan of every attempt by request and attempt."""
    return {
        (line["request"], line["attempt"]): (
            line["fault"],
            [(event["name"], event["planned_s"]) for event in line["events"]],
        )
        for line in lines
    }


async def ask(client: httpx2.AsyncClient, request: int, seed: int = 5) -> None:
    """Two attempts of one request, whatever becomes of them."""
    headers = {"X-Harness-Request": str(request), "X-Harness-Seed": str(seed)}
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    for _ in range(2):
        try:
            await client.post(CHAT, json=body, headers=headers)
        except httpx2.TransportError:
            continue


async def crowd(client: httpx2.AsyncClient, requests: Sequence[int], at_once: int) -> None:
    """All requests, so many at once."""
    room = asyncio.Semaphore(at_once)

    async def one(request: int) -> None:
        async with room:
            await ask(client, request)

    await asyncio.gather(*(one(request) for request in requests))


def virtual(requests: Sequence[int], at_once: int) -> Scripts:
    app = MockApp(Profile.from_dict(MIXED))

    async def main() -> None:
        async with httpx2.AsyncClient(transport=DirectTransport(app), base_url="http://m") as client:
            await crowd(client, requests, at_once)

    clock.run(main, clock="virtual")
    return scripts(app.log)


@pytest.fixture(scope="module")
def expected() -> Scripts:
    """A thousand attempts, one after the other."""
    found = virtual(REQUESTS, 1)
    assert len(found) == 1000
    assert {fault for fault, _ in found.values()} > {None, "stall", "slow_prompt", "abrupt_disconnect", "html_200"}
    return found


@pytest.mark.parametrize("at_once", [1, 7, 500])
def test_neither_order_nor_company_matters(expected, at_once):
    """In any order, and with any number at once."""
    shuffled = list(REQUESTS)
    random.Random(at_once).shuffle(shuffled)
    assert virtual(shuffled, at_once) == expected


def test_the_hash_seed_of_python_does_not_matter(expected):
    """Another process, another PYTHONHASHSEED."""
    code = (
        "import json, sys; sys.path.insert(0, '.')\n"
        "from tests.mock.test_determinism import *\n"
        "print(json.dumps([[*key, *value] for key, value in virtual(REQUESTS, 9).items()]))"
    )
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        found = {(r, a): (fault, [tuple(e) for e in events]) for r, a, fault, events in json.loads(done.stdout)}
        assert found == expected


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_real_servers_play_the_same_scripts(expected, workers):
    """On sockets and in real time, with one server or with two that share the requests."""
    found: Scripts = {}

    async def main(url: str, requests: Sequence[int]) -> list[dict[str, Any]]:
        limits = httpx2.Limits(max_connections=20)
        async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=30, limits=limits) as client:
            await crowd(client, requests, 20)
            return [json.loads(line) for line in (await client.get("/_harness/log")).text.splitlines()]

    for worker in range(workers):
        with ServerProcess(Profile.from_dict(MIXED)) as server:
            url, share = server.base_url.removesuffix("/v1"), REQUESTS[worker::workers]
            found |= scripts(clock.run(lambda url=url, share=share: main(url, share), clock="real"))
    assert found == expected
