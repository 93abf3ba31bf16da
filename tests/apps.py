"""Applications to be answered by in tests: any ASGI function behind the wire that clients and servers here speak."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from harness.mock.http import HttpConnection, Server


class Asgi:
    """Lets an ASGI function answer each request in a task of its own; what it raises breaks the connection."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def handle(self, request: Any, wire: Any) -> _Call:
        return _Call(self.app, request, wire)

    def hears(self, request: Any, wire: Any) -> None:
        return None


class _Call:
    def __init__(self, app: Any, request: Any, wire: Any) -> None:
        self.wire = wire
        self.body = [request.body]
        self.left = asyncio.get_running_loop().create_future()
        scope = {
            "type": "http",
            "path": request.path,
            "method": request.method,
            "headers": [*request.headers.items()],
            "connection": id(wire.connection),
        }
        self.task = asyncio.get_running_loop().create_task(self.run(app, scope))

    async def run(self, app: Any, scope: Any) -> None:
        ended = False

        async def send(message: Any) -> None:
            nonlocal ended
            if message["type"] == "http.response.start":
                self.wire.start(message["status"], message["headers"])
            else:
                self.wire.send(message.get("body", b""))
                ended = not message.get("more_body", False)
            self.wire.end() if ended else self.wire.flush()

        with suppress(Exception):
            await app(scope, self.receive, send)
        if not ended:
            self.wire.drop(reset=False)

    async def receive(self) -> Any:
        if self.body:
            return {"type": "http.request", "body": self.body.pop(), "more_body": False}
        await self.left
        return {"type": "http.disconnect"}

    def gone(self) -> None:
        if not self.left.done():
            self.left.set_result(None)

    def resume(self) -> None:
        pass


@asynccontextmanager
async def listening(app: Any, port: int) -> AsyncIterator[None]:
    """An application on the loop's sockets, as the mock's own server serves it."""
    shared = Server(app)
    found = await asyncio.get_running_loop().create_server(lambda: HttpConnection(shared), "127.0.0.1", port)
    try:
        yield
    finally:
        found.close()
        shared.close()
