"""What stands between a client and the application that answers it: a request, a wire to answer on, an exchange.

Servers on sockets and the transport of direct calls both speak to applications in these terms, so that an application
can do what HTTP frameworks hide: reset a connection, leave it unread, or send a length that is not true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

Header = tuple[bytes, bytes]


class HttpRequest(NamedTuple):
    """One HTTP request; the names of its headers are in lower case, `path` is without the query."""

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    body: bytes = b""


@dataclass(slots=True)
class Connection:
    """What a server knows of the connection that a request came over.

    `served` requests came over it before, the last of them ended `idle_s` seconds before this one came. `first` is
    the name and attempt of the first of all; the application fills it in.
    """

    served: int = 0
    idle_s: float = 0.0
    first: tuple[str, int] | None = None


class Wire(Protocol):
    """Where the answer to one request goes."""

    connection: Connection
    #: Whether the attempt began before there was a connection, so that connecting can still fail: in direct calls.
    connecting: bool

    @property
    def full(self) -> bool:
        """Whether the client does not read as fast as it is written to; `Exchange.resume` says when it does again."""

    def start(self, status: int, headers: Sequence[Header]) -> None:
        """Status and headers; without a content-length the body is sent in chunks."""

    def send(self, body: bytes) -> None:
        """A part of the body."""

    def flush(self) -> None:
        """Let what was written go now."""

    def end(self) -> None:
        """The body is complete."""

    def drop(self, *, reset: bool) -> None:
        """Close the connection, whatever was announced, with FIN or with RST."""

    def deny(self, *, refused: bool) -> None:
        """Refuse the connection, or never answer it; only while `connecting`."""

    def neglect(self) -> None:
        """Read nothing more from this connection."""


class Exchange(Protocol):
    """An answer under way, as its wire sees it."""

    def gone(self) -> None:
        """The client has closed the connection."""

    def resume(self) -> None:
        """The client reads again after the wire was full."""


class App(Protocol):
    """What answers requests."""

    def handle(self, request: HttpRequest, wire: Wire) -> Exchange:
        """Begin to answer a request; what takes time is done by timers of the running loop."""

    def hears(self, request: HttpRequest, wire: Wire) -> Exchange | None:
        """Asked before a large body is read: an exchange when the application wants none of it, else None."""
