"""HTTP/1.1 on an asyncio transport, for an application that may break its rules."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import deque

import httptools

from harness.mock.app import MockApp
from harness.mock.framing import HttpWire
from harness.mock.incoming import Incoming
from harness.mock.request import ApiError, internal_error
from harness.wire import Connection, HttpRequest

#: A body beyond this is read only when the application wants it.
LARGE_BODY = 64 * 2**10
#: A request must be there so many seconds after its first byte.
REQUEST_LIMIT_S = 60.0

_LOG = logging.getLogger(__name__)
_NO_LINGER = struct.pack("ii", 1, 0)


def reset(transport: asyncio.BaseTransport) -> None:
    """Close a connection with RST."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    if isinstance(transport, asyncio.Transport):
        transport.abort()


class Server:
    """What the connections of one server share."""

    def __init__(self, app: MockApp) -> None:
        self.app = app
        self.connections: dict[HttpConnection, None] = {}

    def close(self) -> None:
        """Tell every answer under way that its client has gone, and drop every connection."""
        for connection in list(self.connections):
            connection.shut()


class HttpConnection(asyncio.Protocol):
    """One connection: parses requests, lets the application answer one after the other."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._app = server.app
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[HttpRequest, bool]] = deque()
        self._wire: HttpWire | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._ended_at = 0.0
        self._deaf = False
        self._completed = False
        #: Whether the client offered another protocol, after which the parser reads nothing more.
        self._offered = False
        self._incoming = Incoming()
        self.facts = Connection()

    # -- the transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - it is what TCP servers give
        self.transport = transport
        self._server.connections[self] = None

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - however it was lost
        """The client has gone, or was made to go."""
        self._server.connections.pop(self, None)
        self._unlimit()
        self._waiting.clear()
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.lost()

    def eof_received(self) -> bool:
        """The client sends no more, which for HTTP clients means that it has gone."""
        return False

    def pause_writing(self) -> None:
        """The client does not read as fast as it is written to."""
        if self._wire is not None:
            self._wire.full = True

    def resume_writing(self) -> None:
        """It does again."""
        if self._wire is not None:
            self._wire.full = False
            if self._wire.exchange is not None:
                self._wire.exchange.resume()

    def data_received(self, data: bytes) -> None:
        """Bytes of one request or several."""
        if self._deaf:
            return
        if self._offered:
            self._after_offer(data)
            return
        self._completed = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._after_offer(data[offer.args[0] :])
            return
        except httptools.HttpParserCallbackError:
            # The parser hides what its callbacks raise behind an error of its own.
            self._bug()
            return
        except httptools.HttpParserError:
            self._reject(ApiError(400, "We could not parse your HTTP request.", code="bad_request"))
            return
        if self._incoming.partial and self._limit is None:
            self._limit = self._loop.call_later(REQUEST_LIMIT_S, self._too_slow)
        # A read in which the request before it ended is not counted: most of it may have been that one's.
        if self._incoming.partial and not self._completed:
            error = self._incoming.read(len(data))
            if error is not None:
                self._refuse(error)

    def shut(self) -> None:
        """The server ends."""
        if self._wire is not None:
            self._wire.lost()
            self._wire = None
        # What a client does not read would keep its connection open for ever.
        (self.transport.abort if self.transport.get_write_buffer_size() else self.transport.close)()

    # -- the parser's calls

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._incoming = Incoming(partial=True)

    def on_url(self, url: bytes) -> None:
        """A part of the request's target."""
        error = self._incoming.add_url(url)
        if error is not None:
            self._refuse(error)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or a trailer behind a body in chunks."""
        error = self._incoming.add_header(name, value)
        if error is not None:
            self._refuse(error)

    def on_headers_complete(self) -> None:
        """The head is there; a client may wait for leave to send the body."""
        self._incoming.whole_head = True
        if self._incoming.headers.get(b"expect", b"").lower() == b"100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self._deaf:
            return
        before = self._incoming.size
        error = self._incoming.add_body(body)
        if error is not None:
            self._reject(error)
        elif before <= LARGE_BODY < self._incoming.size and self._wire is None:
            wire = HttpWire(self, keep_alive=False)
            exchange = self._app.hears(self._request(), wire)
            if exchange is not None:
                self._wire, wire.exchange = wire, exchange

    def on_message_complete(self) -> None:
        """The request is whole; but for its body, when the client offers another protocol with it."""
        if self._parser.should_upgrade():
            self._offered = True
            return
        self._incoming.partial = False
        self._completed = True
        self._unlimit()
        if self._deaf:
            return
        keep_alive = self._parser.should_keep_alive()
        request = self._request()
        if self._wire is not None:
            # The answers to pipelined requests go out in order.
            self._waiting.append((request, keep_alive))
            self.transport.pause_reading()
        else:
            self._answer(request, keep_alive=keep_alive)

    # -- requests

    def _after_offer(self, data: bytes) -> None:
        """Answer in HTTP/1.1 all the same, which nobody has to leave."""
        if data:
            self.on_body(data)
        incoming = self._incoming
        length = incoming.headers.get(b"content-length", b"0")
        if incoming.size >= (int(length) if length.isdigit() else 0) and incoming.partial and not self._deaf:
            incoming.partial = False
            self._deaf = True
            self._unlimit()
            self._answer(self._request(), keep_alive=False)

    def _request(self) -> HttpRequest:
        return self._incoming.request(self._parser.get_method())

    def _answer(self, request: HttpRequest, *, keep_alive: bool) -> None:
        if self.facts.served:
            self.facts.idle_s = self._loop.time() - self._ended_at
        wire = self._wire = HttpWire(
            self,
            keep_alive=keep_alive,
            chunks=self._parser.get_http_version() != "1.0",
            bodyless=request.method == "HEAD",
        )
        try:
            exchange = self._app.handle(request, wire)
        except Exception:
            self._bug()
            return
        # An answer that took no time is over already: nothing must hold on to it.
        if self._wire is wire:
            wire.exchange = exchange

    def answered(self, wire: HttpWire, *, keep_alive: bool) -> None:
        """An answer is complete; the next may follow."""
        if self._wire is not wire:
            return
        # The answer holds on to its wire; without the way back, no cycle is left for the garbage collector.
        self._wire = wire.exchange = None
        self.facts.served += 1
        self._ended_at = self._loop.time()
        if not keep_alive or (self._deaf and not self._waiting):
            self.transport.close()
        elif self._waiting:
            request, keep_alive = self._waiting.popleft()
            if not self._waiting:
                self.transport.resume_reading()
            # Not from within the answer before it: a thousand instant ones would be a thousand calls deep.
            self._wire = wire
            self._loop.call_soon(self._answer_waiting, request, keep_alive)

    def _answer_waiting(self, request: HttpRequest, keep_alive: bool) -> None:
        if not self.transport.is_closing():
            self._answer(request, keep_alive=keep_alive)

    def neglect(self) -> None:
        """Read nothing more."""
        self._unlimit()
        if self._incoming.partial:
            self._deaf = True
            self.transport.pause_reading()

    def drop(self, *, with_reset: bool) -> None:
        """Close the connection with FIN behind what was written, or with RST."""
        self._wire = None
        if with_reset:
            reset(self.transport)
        else:
            self.transport.close()

    def _refuse(self, error: ApiError) -> None:
        """Reject a request of which there is too much, once."""
        if not self._deaf:
            self._reject(error)

    def _reject(self, error: ApiError) -> None:
        """Answer what is no request that can be read, and close."""
        self._deaf = True
        self._incoming.partial = False
        self._unlimit()
        if self._wire is None and not self.transport.is_closing():
            self._wire = HttpWire(self, keep_alive=False)
            self._app.refuse(error, self._wire)

    def _bug(self) -> None:
        """Log the exception that is being handled, and let nobody wait for what it prevented."""
        _LOG.exception("a bug in the mock")
        wire, self._wire = self._wire, None
        if wire is None:
            self._reject(internal_error())
        else:
            wire.lost()
            self.transport.abort()

    def _too_slow(self) -> None:
        self._reject(
            ApiError(408, f"The request was not complete after {REQUEST_LIMIT_S:g} s.", code="request_timeout")
        )

    def _unlimit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
