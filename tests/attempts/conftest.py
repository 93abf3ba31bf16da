"""One request, played against servers that answer each attempt in a way of its own."""

from __future__ import annotations

import asyncio
from typing import Any

from harness import clock
from harness.attempts import Play
from harness.openai_adapter import Endpoint, open_client
from harness.records import Outcome, Request
from harness.strategies import Strategy, memory_of
from tests.adapter.conftest import DONE, FINISH, HELLO, server
from tests.apps import Asgi

REQUEST = Request(17, ({"role": "user", "content": "hi"},))
PLACE = {"experiment": "e", "cell": "c", "trial": 2, "seed": 9, "batch": 4}


def answer(after: float, *, tokens: int = 1, every: float = 0.0) -> Any:
    """A server whose first token comes `after` seconds, and the others `every` so many."""
    rest = [step for _ in range(tokens - 1) for step in (float(every), HELLO)]
    return server(float(after), 200, HELLO, *rest, FINISH, DONE, None)


class InTurn:
    """Answers the first attempt by the first server, and so on; the last one answers all further ones."""

    def __init__(self, *servers: Any) -> None:
        self.servers = servers
        self.asked = 0
        self.connections: list[int] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.connections.append(scope["connection"])
        self.asked += 1
        await self.servers[min(self.asked, len(self.servers)) - 1](scope, receive, send)


def play(strategy: Strategy, *servers: Any) -> Outcome:
    """The record of one request in virtual time. Fails when anything is still running after it."""

    async def main() -> Outcome:
        app = Asgi(InTurn(*servers))
        endpoint = Endpoint("http://mock/v1", "k", "m", is_mock=True, app=app)
        ours = asyncio.all_tasks()
        async with (
            open_client(endpoint, max_retries=0) as client,
            open_client(endpoint, max_retries=0, reuse=False) as fresh,
        ):
            one = Play(
                client,
                REQUEST,
                strategy,
                endpoint,
                origin=0.0,
                memory=memory_of(strategy),
                fresh=fresh if strategy.needs_fresh_connections else None,
                **PLACE,
            )
            outcome = await one.run()
            left = [task for task in asyncio.all_tasks() - ours if "_attempt" in repr(task)]
            assert left == []
        return outcome

    return clock.run(main, clock="virtual")
