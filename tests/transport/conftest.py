"""An unmodified client of the SDK whose HTTP client plays a strategy, over in-memory sockets in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import openai
import pytest

import harness
from harness import clock
from harness.mock.app import MockApp
from harness.mock.http import HttpConnection, Server
from harness.profiles import Profile
from harness.strategies import Strategy
from harness.strategies.played import Backoff
from harness.strategies.restarts import Restart
from tests.apps import Asgi

ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
NAMED = {"X-Harness-Request": "r"}
URL = "http://127.0.0.1:8000/v1"
RESTART = Restart("restart", timeout=3.0, backoff=Backoff(base_s=0.0))


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    """A proxy of this machine is not on the network in memory."""
    monkeypatch.setenv("NO_PROXY", "*")


def failing(kind: str, *, first_attempts: int | None = 1, **more: Any) -> MockApp:
    """A server whose first attempts at each named request fail in one way."""
    fault = {"kind": kind, "probability": 1, **more}
    fault |= {} if first_attempts is None else {"first_attempts": first_attempts}
    return MockApp(Profile.from_dict({"name": "failing", "output_tokens": 3, "faults": [fault]}))


def steps(**more: Any) -> MockApp:
    """Headers and first token after a second each, then a token every half second."""
    times = {"headers": 1.0, "first_content": 1.0, "between_tokens": 0.5, "output_tokens": 4}
    return MockApp(Profile.from_dict({"name": "steps", **times, **more}))


class InTurn:
    """Answers the n-th request with the n-th application, and keeps what was asked."""

    def __init__(self, *apps: Callable[..., Awaitable[None]]) -> None:
        self.apps = apps
        self.asked: list[dict[bytes, bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(dict(scope["headers"]))
        await self.apps[min(len(self.asked), len(self.apps)) - 1](scope, receive, send)


@dataclass
class Played:
    """What a scene left: its result, the seconds that it took, and the connections and tasks still busy at its end."""

    result: Any
    seconds: float
    connections: Sequence[HttpConnection]
    tasks: set[Any]


def play(
    scene: Callable[[openai.AsyncOpenAI], Awaitable[Any]],
    app: Any,
    strategy: str | Strategy = RESTART,
    *,
    max_retries: int = 0,
    verdicts: Iterable[str] = (),
    **settings: Any,
) -> Played:
    """Play a scene against a mock or an ASGI function, whose first connections are "refused" or "unreachable"."""
    first = iter(verdicts)

    async def main() -> Played:
        loop = asyncio.get_running_loop()
        shared = Server(app if isinstance(app, MockApp) else Asgi(app))
        async with AsyncExitStack() as stack:
            found = await loop.create_server(lambda: HttpConnection(shared), "127.0.0.1", 8000)
            found.screen = lambda: next(first, None)
            stack.callback(shared.close)
            stack.callback(found.close)
            client = openai.AsyncOpenAI(
                base_url=URL,
                api_key="k",
                max_retries=max_retries,
                default_headers=NAMED,
                http_client=harness.http_client(strategy, **settings),
            )
            async with client:
                result = await scene(client)
                seconds = loop.time()
                # What was cancelled needs a few turns of the loop to be gone.
                await asyncio.sleep(0.001)
                open_now = [one for one in shared.connections if one._wire is not None]
                tasks = asyncio.all_tasks() - {asyncio.current_task()}
            return Played(result, seconds, open_now, tasks)

    return clock.run(main, clock="virtual")


async def text(client: openai.AsyncOpenAI, pieces: list[str] | None = None, **more: Any) -> str:
    """The text of a streamed answer, which comes in `pieces`."""
    pieces = [] if pieces is None else pieces
    async for chunk in await client.chat.completions.create(**ASK, stream=True, **more):
        pieces += [choice.delta.content for choice in chunk.choices if choice.delta.content]
    return "".join(pieces)


async def plain(client: openai.AsyncOpenAI, **more: Any) -> str:
    """The text of an answer that does not stream."""
    return (await client.chat.completions.create(**ASK, **more)).choices[0].message.content
