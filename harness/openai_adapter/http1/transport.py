"""The transport of the SDK's client that this package is for."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator

import httpx2

from harness.clock.turns import Turns
from harness.openai_adapter.http1.connection import Connection
from harness.openai_adapter.http1.exchange import Exchange
from harness.openai_adapter.http1.pool import Origin, Pool
from harness.openai_adapter.trace import STAMPED, current_recording

#: What no header may hold.
_BREAKS = re.compile(rb"[\r\n\0]")
_PORTS = {"http": 80, "https": 443}


class AsyncioTransport(httpx2.AsyncBaseTransport):
    """Sends over HTTP/1.1 with a pool of its own, without proxies, HTTP/2 or redirects, and obeys httpx2's timeouts.

    The attempt that `current_recording` holds is told every instant when it happens, also while its reader sleeps.
    Raises httpx2's PoolTimeout, ConnectTimeout, ConnectError, WriteTimeout, WriteError, ReadTimeout, ReadError for a
    reset, and RemoteProtocolError for an answer that is none or ends too early.
    """

    def __init__(self, limits: httpx2.Limits, tls: ssl.SSLContext, *, reuse: bool = True) -> None:
        """Without `reuse` each request has a connection of its own."""
        self._pool = Pool(limits, tls, reuse=reuse)
        self._turns: Turns | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request and return when its headers are there."""
        clock = asyncio.get_running_loop().time
        recording = current_recording.get()
        timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
        written = _written(request, await request.aread())
        origin = _origin(request.url)

        def admitted() -> None:
            if recording is not None:
                recording.admitted = clock()

        connection = await self._pool.take(
            origin, pool_s=timeouts.get("pool"), connect_s=timeouts.get("connect"), admitted=admitted
        )
        if recording is not None:
            recording.connected = clock()
        self._turns = self._turns or Turns()
        exchange = Exchange(timeouts.get("read"), recording, clock, self._turns)
        try:
            await connection.send(written, exchange, write_s=timeouts.get("write"))
            await exchange.wait_for_head()
        except BaseException:
            exchange.leave()
            connection.close()
            self._pool.give_back(origin, connection)
            raise
        return httpx2.Response(
            exchange.status,
            headers=exchange.headers,
            stream=_Body(exchange, connection, self._pool, origin),
            extensions={"http_version": b"HTTP/1.1", STAMPED: recording is not None},
        )

    async def aclose(self) -> None:
        """Close the connections that are idle; those in use close with their answers."""
        self._pool.close()
        # A transport that was aborted is gone after a turn of the loop.
        await asyncio.sleep(0)


class _Body(httpx2.AsyncByteStream):
    def __init__(self, exchange: Exchange, connection: Connection, pool: Pool, origin: Origin) -> None:
        self._exchange = exchange
        self._connection: Connection | None = connection
        self._pool = pool
        self._origin = origin

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (part := await self._exchange.part()) is not None:
            yield part

    async def aclose(self) -> None:
        """Give the connection back; what has not been read to its end closes it."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if not self._exchange.complete:
            self._exchange.drop()
        self._pool.give_back(self._origin, connection)


def _origin(url: httpx2.URL) -> Origin:
    if url.scheme not in _PORTS or not url.host:
        raise httpx2.UnsupportedProtocol(f"{url.scheme}:// is not http:// or https://")
    # As it goes over the wire: asyncio would encode letters beyond ASCII by older rules, for another host.
    return url.scheme, url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme]


def _written(request: httpx2.Request, body: bytes) -> bytes:
    """The bytes of a request. Raises httpx2.LocalProtocolError for a header that would break out of its line."""
    for name, value in request.headers.raw:
        if _BREAKS.search(name) or _BREAKS.search(value):
            # Not quoted: it may be the key.
            raise httpx2.LocalProtocolError("a header's value has a line break in it")
    headers = b"".join(b"%b: %b\r\n" % pair for pair in request.headers.raw)
    return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (request.method.encode("ascii"), request.url.raw_path, headers, body)
