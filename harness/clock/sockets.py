"""The face of a socket without its bytes: what clients and servers ask a transport's socket."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable
from typing import Any

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class MemorySocket:
    """What a transport shows as its socket: addresses and options, but no bytes.

    `fileno()` is a descriptor that is never readable, or -1 when the connection has something to read, since that is
    how connection pools ask whether the server has hung up.
    """

    type = socket.SOCK_STREAM
    proto = socket.IPPROTO_TCP

    def __init__(
        self,
        sockname: tuple[Any, ...],
        peername: tuple[Any, ...] | None = None,
        fileno: Callable[[], int] = lambda: -1,
    ) -> None:
        self.family = socket.AF_INET6 if len(sockname) == 4 else socket.AF_INET
        self.fileno = fileno
        self._sockname = sockname
        self._peername = peername
        self._options: dict[tuple[int, int], Any] = {}

    def getsockname(self) -> tuple[Any, ...]:
        """The address of this end."""
        return self._sockname

    def getpeername(self) -> tuple[Any, ...]:
        """The address of the other end; raises OSError for a listening socket."""
        if self._peername is None:
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
        return self._peername

    def setsockopt(self, level: int, option: int, value: Any, *_: int) -> None:
        """Note an option; the only one with an effect is SO_LINGER of 0 s, which makes closing a reset."""
        self._options[level, option] = value

    def getsockopt(self, level: int, option: int, *_: int) -> Any:
        """The value set before, or 0."""
        return self._options.get((level, option), 0)

    @property
    def resets_on_close(self) -> bool:
        """Whether SO_LINGER asks for RST instead of FIN."""
        return bool(self._options.get((socket.SOL_SOCKET, socket.SO_LINGER)) == _RESET_ON_CLOSE)
