"""A transport that calls an ASGI application in the same loop: no socket, no HTTP parsing, all of the timing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

import httpx2

Message = MutableMapping[str, Any]
AsgiApp = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Coroutine[Any, Any, None]
]

#: Turns of the loop in which an application that waits for a disconnection can end; the mock needs three.
_TURNS_TO_NOTICE = 16


class DirectTransport(httpx2.AsyncBaseTransport):
    """Plays each request against `app` and obeys the read timeout as the socket transport does.

    A connection is free and instant here, so connect, write and pool timeouts never fire. Raises httpx2.ReadTimeout,
    and httpx2.RemoteProtocolError when the application ends its answer before it is complete.
    """

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        # In the order in which they were made, which a set would not keep.
        self._exchanges: dict[_Exchange, None] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request and return when its headers are there."""
        exchange = _Exchange(self._app, request, await request.aread())
        self._exchanges[exchange] = None
        exchange.task.add_done_callback(lambda _: self._exchanges.pop(exchange, None))
        try:
            start = await exchange.next_message()
        except BaseException:
            exchange.disconnect()
            raise
        return httpx2.Response(
            start["status"],
            headers=start["headers"],
            stream=_Body(exchange),
            extensions={"http_version": b"HTTP/1.1"},
        )

    async def aclose(self) -> None:
        """Disconnect what is still open, and cancel what does not notice: closing takes no time, as on a socket."""
        for exchange in list(self._exchanges):
            exchange.disconnect()
        for _ in range(_TURNS_TO_NOTICE):
            if not self._exchanges:
                return
            await asyncio.sleep(0)
        left = [exchange.task for exchange in self._exchanges]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


class _Exchange:
    """One request, the application's task that answers it, and the messages in between."""

    def __init__(self, app: AsgiApp, request: httpx2.Request, body: bytes) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout: float | None = request.extensions.get("timeout", {}).get("read")
        self._body: bytes | None = body
        self._messages: deque[Message] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self.complete = False
        url = request.url
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "server": (url.host, url.port or 80),
            "client": ("127.0.0.1", 0),
            "root_path": "",
        }
        self.task: asyncio.Task[None] = self._loop.create_task(app(scope, self._receive, self._send))
        self.task.add_done_callback(self._wake)

    async def next_message(self) -> Message:
        """The application's next message, waiting for it as long as the read timeout allows."""
        while not self._messages:
            if self.task.done():
                raise self._broken()
            self._waiter = self._loop.create_future()
            timer = None if self._timeout is None else self._loop.call_later(self._timeout, self._expire)
            try:
                await self._waiter
            finally:
                if timer is not None:
                    timer.cancel()
        return self._messages.popleft()

    def disconnect(self) -> None:
        """Tell the application that the client has gone, as a closed connection would."""
        if not self._gone.done():
            self._gone.set_result(None)

    def _broken(self) -> httpx2.RemoteProtocolError:
        error = None if self.task.cancelled() else self.task.exception()
        failure = httpx2.RemoteProtocolError("Server disconnected without sending a complete response.")
        failure.__cause__ = error
        return failure

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self._messages.append(message)
        self._wake()

    def _wake(self, _: object = None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _expire(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(httpx2.ReadTimeout(""))


class _Body(httpx2.AsyncByteStream):
    """The body's parts as they come; asking again goes on where the last reader stopped."""

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        exchange = self._exchange
        while not exchange.complete:
            message = await exchange.next_message()
            exchange.complete = not message.get("more_body", False)
            if part := message.get("body", b""):
                yield part

    async def aclose(self) -> None:
        self._exchange.disconnect()
