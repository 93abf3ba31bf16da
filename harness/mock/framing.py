"""Answers framed as HTTP/1.1, also such as break its rules."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from harness.wire import Exchange, Header

if TYPE_CHECKING:
    from harness.mock.http import HttpConnection


class HttpWire:
    """The answer to one request, framed as HTTP/1.1."""

    __slots__ = (
        "_bodyless",
        "_can_chunk",
        "_chunked",
        "_http",
        "_keep_alive",
        "_out",
        "connection",
        "exchange",
        "full",
    )
    connecting = False

    def __init__(self, http: HttpConnection, *, keep_alive: bool, chunks: bool = True, bodyless: bool = False) -> None:
        """`bodyless` answers HEAD: with the headers alone."""
        self._http = http
        self._bodyless = bodyless
        self._keep_alive = keep_alive
        self._can_chunk = chunks
        self._chunked = False
        self._out: list[bytes] = []
        self.connection = http.facts
        self.exchange: Exchange | None = None
        self.full = False

    def start(self, status: int, headers: Sequence[Header]) -> None:
        """Status and headers; without a content-length the body is sent in chunks."""
        out = self._out
        out.append(_STATUS_LINES[status] if status in _STATUS_LINES else b"HTTP/1.1 %d \r\n" % status)
        measured = False
        for name, value in headers:
            out += (name, b": ", value, b"\r\n")
            measured = measured or name == b"content-length"
        if not measured:
            self._chunked = self._can_chunk
            self._keep_alive = self._keep_alive and self._can_chunk
            if self._chunked:
                out.append(b"transfer-encoding: chunked\r\n")
        out.append(b"\r\n" if self._keep_alive else b"connection: close\r\n\r\n")

    def send(self, body: bytes) -> None:
        """A part of the body."""
        if body and not self._bodyless:
            self._out.append(b"%x\r\n%b\r\n" % (len(body), body) if self._chunked else body)

    def flush(self) -> None:
        """Let what was written go now."""
        if self._out:
            # Taken first, so that what cannot be written is not tried again when the connection is dropped for it.
            out, self._out = self._out, []
            self._http.transport.write(b"".join(out))

    def end(self) -> None:
        """The body is complete."""
        if self._chunked and not self._bodyless:
            self._out.append(b"0\r\n\r\n")
        self.flush()
        self._http.answered(self, keep_alive=self._keep_alive)

    def drop(self, *, reset: bool) -> None:
        """Close the connection, whatever was announced, with FIN or with RST."""
        self.flush()
        self._http.drop(with_reset=reset)

    def deny(self, *, refused: bool) -> None:  # noqa: ARG002 - neither is possible any more
        """There is a connection already, so this is never asked for."""
        raise RuntimeError("a connection that is made can be neither refused nor unreachable")

    def neglect(self) -> None:
        """Read nothing more from this connection."""
        self._http.neglect()

    def lost(self) -> None:
        """The client has gone."""
        if self.exchange is not None:
            self.exchange.gone()


_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
