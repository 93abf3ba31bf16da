"""Whether a mock can be served and asked on this machine."""

from __future__ import annotations

import asyncio
import time

from harness.doctor.base import Finding
from harness.errors import UserError

PORT = 8000
#: Seconds for one answer of a mock without latency over loopback, from which the machine is rather busy.
SLOW_S = 0.5
_LIMIT_S = 5.0


def port() -> Finding:
    """The port that `harness serve` takes unless it is told another."""
    from harness.mock.server import addresses

    try:
        addresses("127.0.0.1", PORT, allow_remote=False)
    except UserError as error:
        return judge_port(str(error))
    return judge_port(None)


def judge_port(problem: str | None) -> Finding:
    """Whether the port can be had; runs do not need it."""
    if problem is None:
        return Finding("port 8000", "ok", "free on 127.0.0.1, where `harness serve` listens")
    return Finding("port 8000", "warn", problem.partition(";")[0], "serve on another: harness serve port=0")


def round_trip() -> Finding:
    """One request to a mock on a free port, over a real socket, without any proxy."""
    from harness.mock.app import MockApp
    from harness.mock.listener import serving
    from harness.profiles import Profile

    async def ask() -> float:
        import httpx2

        async with serving(MockApp(Profile("instant"), seed=0)) as chosen:
            url = f"http://127.0.0.1:{chosen}/v1/chat/completions"
            body = {"model": "mock", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
            async with httpx2.AsyncClient(trust_env=False, timeout=_LIMIT_S) as client:
                begun = time.perf_counter()
                answer = await client.post(url, json=body)
                answer.raise_for_status()
                _ = answer.json()["choices"][0]
                return time.perf_counter() - begun

    try:
        return judge_round_trip(asyncio.run(ask()), None)
    except Exception as error:
        return judge_round_trip(None, f"{type(error).__name__}: {error}")


def judge_round_trip(seconds: float | None, problem: str | None) -> Finding:
    """How long the answer took, or why none came."""
    if seconds is None:
        return Finding(
            "mock server",
            "fail",
            f"no answer over a socket ({problem})",
            "clock=real will not work; look for a firewall on 127.0.0.1 (clock=virtual needs no network)",
        )
    found = f"answered over a socket in {seconds * 1000:.0f} ms"
    if seconds > SLOW_S:
        return Finding("mock server", "warn", found, "the machine is busy; measure in real time when it is not")
    return Finding("mock server", "ok", found)
