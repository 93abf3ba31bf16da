"""One connection: writes requests, and hands the bytes that come in to the exchange under way."""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
import httpx2

from harness.openai_adapter.http1.exchange import Exchange


class Connection(asyncio.Protocol):
    """Carries one exchange after the other; `reusable` once one is over and the server lets it be."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._exchange: Exchange | None = None
        self._flushed: asyncio.Future[None] | None = None
        #: When it was left idle, in seconds of the loop.
        self.idle_since = 0.0
        self.reusable = False

    @property
    def open(self) -> bool:
        """Whether the server has not closed it, as far as is known."""
        return self._transport is not None and not self._transport.is_closing()

    async def send(self, request: bytes, exchange: Exchange, *, write_s: float | None) -> None:
        """Write a request, or as much of it as the server reads before it answers.

        Raises httpx2.WriteTimeout or WriteError when it cannot be written within `write_s`.
        """
        if self._transport is None:
            raise httpx2.WriteError("the connection was closed")
        self.reusable = False
        self._exchange = exchange
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request)
        if self._transport.get_write_buffer_size():
            try:
                await self._flush(write_s)
            except httpx2.WriteError:
                # A server may refuse what it has not read to its end, and close.
                if not exchange.answered:
                    raise
        if not exchange.complete:
            exchange.sent()

    async def _flush(self, write_s: float | None) -> None:
        self._flushed = self._loop.create_future()
        try:
            async with asyncio.timeout(write_s):
                await self._flushed
        except TimeoutError:
            raise httpx2.WriteTimeout("") from None
        finally:
            self._flushed = None

    def close(self) -> None:
        """Let go of it, whatever it was doing."""
        self.reusable = False
        self._exchange = None
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = transport  # type: ignore[assignment]  # a stream's transport can be read and written
        # Paused as long as anything is left to write: `resume_writing` then says that a request is written.
        self._transport.set_write_buffer_limits(high=0)  # type: ignore[union-attr]

    def pause_writing(self) -> None:
        """Some of a request is still to be written."""

    def resume_writing(self) -> None:
        """All of it is written."""
        if self._flushed is not None and not self._flushed.done():
            self._flushed.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Bytes have come in."""
        exchange = self._exchange
        if exchange is None:
            # Nothing was asked: whatever this is, the connection is of no use any more.
            self.close()
            return
        exchange.arrived()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._lost(httpx2.RemoteProtocolError(str(error)))
        except httptools.HttpParserUpgrade:
            self._lost(httpx2.RemoteProtocolError("the server switched to another protocol"))

    def eof_received(self) -> None:
        """The server will send no more: an answer without a length ends so, others break off."""
        exchange = self._exchange
        if exchange is not None and exchange.answered and not _delimited(exchange):
            self.on_message_complete()
        self._lost(_ended_early(exchange))

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        if self._flushed is not None and not self._flushed.done():
            self._flushed.set_exception(httpx2.WriteError(str(exc or "")))
        self._lost(httpx2.ReadError(str(exc)) if exc else _ended_early(self._exchange))
        self._transport = None

    def _lost(self, error: httpx2.TransportError) -> None:
        self.reusable = False
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.fail(error)
        if self._transport is not None:
            self._transport.close()

    # -- the parser's side

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header of the answer, or of an answer that comes before it."""
        if self._exchange is not None and not self._exchange.answered:
            self._exchange.fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Status and headers are complete."""
        exchange, status = self._exchange, self._parser.get_status_code()
        if exchange is None:
            return
        if status < 200:
            # Said before the answer, as 100 Continue is.
            exchange.fields.clear()
            return
        exchange.status = status
        exchange.head()

    def on_body(self, part: bytes) -> None:
        """A part of the body, without its framing."""
        if self._exchange is not None:
            self._exchange.body(part)

    def on_message_complete(self) -> None:
        """The answer is complete."""
        exchange = self._exchange
        if exchange is None or not exchange.answered:
            return
        unread = self._flushed is not None and not self._flushed.done()
        self.reusable = self._parser.should_keep_alive() and not unread
        self.idle_since = self._loop.time()
        self._exchange = None
        exchange.end()
        if unread:
            # The rest of the request would interest nobody.
            self.resume_writing()


def _delimited(exchange: Exchange) -> bool:
    """Whether the headers say where the body ends."""
    return "content-length" in exchange.headers or "transfer-encoding" in exchange.headers


def _ended_early(exchange: Exchange | None) -> httpx2.RemoteProtocolError:
    if exchange is not None and exchange.answered:
        expected = exchange.headers.get("content-length")
        how = f"received {exchange.received} bytes, expected {expected}" if expected else "incomplete chunked read"
        return httpx2.RemoteProtocolError(f"peer closed connection without sending complete message body ({how})")
    return httpx2.RemoteProtocolError("Server disconnected without sending a response.")
