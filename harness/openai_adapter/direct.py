"""A transport that calls an application in the same loop: no socket, no HTTP parsing, all of the timing."""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import AsyncIterator, Sequence

import httpx2

from harness.wire import App, Connection, Exchange, Header, HttpRequest


class DirectTransport(httpx2.AsyncBaseTransport):
    """Plays each request against `app` and obeys the connect and read timeouts as the socket transport does.

    Connecting takes no time unless a fault has it that it never ends, and sending neither, so write and pool timeouts
    never fire. Connections are counted as the pool of the socket transport reuses them. Raises httpx2.ConnectError,
    ConnectTimeout, ReadTimeout, ReadError for a reset, and RemoteProtocolError for an answer that ends too early.
    """

    def __init__(self, app: App, *, reuse: bool = True) -> None:
        """Without `reuse` each request has a connection of its own."""
        self._app = app
        self._reuse = reuse
        # In the order in which they were made, which a set would not keep.
        self._exchanges: dict[_Wire, None] = {}
        self._connections: list[_Pooled] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request and return when its headers are there."""
        body = await request.aread()
        pooled = next((held for held in self._connections if not held.busy), None)
        if pooled is None:
            pooled = _Pooled()
            self._connections.append(pooled)
        wire = _Wire(request, pooled, self)
        self._exchanges[wire] = None
        wire.ask(self._app, body)
        try:
            status, headers = await wire.head()
        except BaseException:
            wire.disconnect()
            raise
        return httpx2.Response(
            status,
            headers=list(headers),
            stream=_Body(wire),
            extensions={"http_version": b"HTTP/1.1"},
        )

    async def aclose(self) -> None:
        """Disconnect what is still open: closing takes no time, as on a socket."""
        for wire in list(self._exchanges):
            wire.disconnect()

    def forget(self, wire: _Wire, *, reusable: bool) -> None:
        """An exchange is over; its connection serves again, or is gone."""
        self._exchanges.pop(wire, None)
        pooled = wire.pooled
        if reusable and self._reuse:
            pooled.release()
        elif pooled in self._connections:
            self._connections.remove(pooled)


class _Pooled:
    """A connection as a pool knows it."""

    def __init__(self) -> None:
        self.facts = Connection()
        self.busy = False
        self._ended_at = 0.0

    def take(self, now: float) -> None:
        """It serves another request."""
        self.busy = True
        if self.facts.served:
            self.facts.idle_s = now - self._ended_at

    def release(self) -> None:
        """It is idle."""
        self.busy = False
        self.facts.served += 1
        self._ended_at = asyncio.get_running_loop().time()


class _Wire:
    """One request and what the application writes in answer, part by part."""

    full = False

    def __init__(self, request: httpx2.Request, pooled: _Pooled, transport: DirectTransport) -> None:
        self._loop = asyncio.get_running_loop()
        self._request = request
        self._timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
        self._transport = transport
        self.pooled = pooled
        self.connection = pooled.facts
        self.connecting = not pooled.facts.served
        pooled.take(self._loop.time())
        self._exchange: Exchange | None = None
        self._head: tuple[int, Sequence[Header]] | None = None
        self._parts: deque[bytes] = deque()
        self._missing: int | None = None
        self._ended = False
        self._unreachable = False
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._over = False
        self._keep_alive = request.headers.get("connection", "").lower() != "close"

    def ask(self, app: App, body: bytes) -> None:
        """Let the application begin."""
        request = self._request
        headers = {name.lower(): value for name, value in request.headers.raw}
        exchange = app.handle(HttpRequest(request.method, request.url.path, headers, body), self)
        if self._over:
            exchange.gone()
        self._exchange = exchange

    # -- what the client asks

    async def head(self) -> tuple[int, Sequence[Header]]:
        """Status and headers, waiting for them as long as the timeouts allow."""
        while self._head is None:
            await self._more()
        return self._head

    async def part(self) -> bytes | None:
        """The next part of the body; None at its end."""
        while not self._parts:
            if self._missing == 0 or (self._ended and self._missing is None):
                self._leave(reusable=self._ended)
                return None
            await self._more()
        part = self._parts.popleft()
        if self._missing is not None:
            part = part[: self._missing]
            self._missing -= len(part)
        return part

    def disconnect(self) -> None:
        """Tell the application that the client has gone, as a closed connection would."""
        if not self._over:
            self._leave(reusable=self._ended and not self._parts)
            if self._exchange is not None:
                self._exchange.gone()

    def _leave(self, *, reusable: bool) -> None:
        if not self._over:
            self._over = True
            self._transport.forget(self, reusable=reusable and self._keep_alive)

    async def _more(self) -> None:
        """Wait until the application wrote something. Raises what the connection came to."""
        if self._failure is not None:
            self._leave(reusable=False)
            raise self._failure
        self._waiter = self._loop.create_future()
        limit = self._timeouts.get("connect" if self._unreachable else "read")
        timer = None if limit is None else self._loop.call_later(limit, self._expire)
        try:
            await self._waiter
        finally:
            if timer is not None:
                timer.cancel()

    def _expire(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            kind = httpx2.ConnectTimeout if self._unreachable else httpx2.ReadTimeout
            self._waiter.set_exception(kind(""))

    # -- what the application writes

    def start(self, status: int, headers: Sequence[Header]) -> None:
        """Status and headers; a content-length ends the body wherever it says."""
        self._head = status, headers
        length = next((value for name, value in headers if name == b"content-length"), None)
        self._missing = None if length is None else int(length)
        self._wake()

    def send(self, body: bytes) -> None:
        """A part of the body."""
        if body:
            self._parts.append(body)
            self._wake()

    def flush(self) -> None:
        """Nothing is held back here."""

    def end(self) -> None:
        """The body is complete."""
        self._ended = True
        self._wake()

    def drop(self, *, reset: bool) -> None:
        """Close the connection with FIN or with RST."""
        if reset:
            self._failure = httpx2.ReadError("")
            self._failure.__cause__ = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
        elif self._head is None:
            self._failure = httpx2.RemoteProtocolError("Server disconnected without sending a response.")
        else:
            self._failure = httpx2.RemoteProtocolError(
                "peer closed connection without sending complete message body (incomplete chunked read)"
            )
        self._wake()

    def deny(self, *, refused: bool) -> None:
        """Refuse the connection, or never answer it."""
        if refused:
            self._failure = httpx2.ConnectError("All connection attempts failed")
        self._unreachable = not refused
        self._wake()

    def neglect(self) -> None:
        """Nothing more is read; a request that is whole cannot tell."""

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class _Body(httpx2.AsyncByteStream):
    """The body's parts as they come; asking again goes on where the last reader stopped."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (part := await self._wire.part()) is not None:
            if part:
                yield part

    async def aclose(self) -> None:
        self._wire.disconnect()
