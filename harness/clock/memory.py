"""An event loop whose network is in memory, and which refuses everything else that belongs to the operating system."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from harness.clock.errors import NotSimulated
from harness.clock.network import AddressInfo, Network
from harness.clock.servers import MemoryServer

_NO_TLS = "TLS is not simulated in virtual time: use an http:// address, or clock=real"


class MemoryLoop(asyncio.SelectorEventLoop):
    """A selector loop whose TCP servers and clients meet in `network`."""

    # The base class's own, which the published type stubs do not know.
    _csock: socket.socket | None

    def __init__(self) -> None:
        super().__init__()
        # The sending end of the loop's own pipe: a real descriptor that never has anything to read.
        self.network = Network(self, lambda: -1 if self._csock is None else self._csock.fileno())

    async def getaddrinfo(  # type: ignore[override]  # the stub spells out a union of what addresses can be
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002  # the standard library's own name
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddressInfo]:
        """Resolve a name in memory: `localhost`, IP literals, and what was added to `network`."""
        return self.network.getaddrinfo(host, port, family=family, kind=type, proto=proto, flags=flags)

    async def create_connection(
        self,
        protocol_factory: Callable[[], Any],
        host: Any = None,
        port: Any = None,
        *,
        ssl: Any = None,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        sock: Any = None,
        local_addr: Any = None,
        **_options: Any,
    ) -> tuple[Any, Any]:
        """Connect in memory; happy eyeballs has nothing to choose from, as every name has one address."""
        if ssl:
            raise NotSimulated(_NO_TLS)
        if sock is not None:
            return await self.network.adopt_socket(protocol_factory, sock)
        infos = self.network.getaddrinfo(host, port, family=family, kind=0, proto=proto, flags=flags)
        return await self.network.create_connection(protocol_factory, infos, local_addr)

    async def create_server(  # type: ignore[override]  # the stub's overloads tell TLS and ready-made sockets apart
        self,
        protocol_factory: Callable[[], Any],
        host: Any = None,
        port: Any = None,
        *,
        family: int = 0,
        flags: int = socket.AI_PASSIVE,
        sock: Any = None,
        ssl: Any = None,
        start_serving: bool = True,
        **_options: Any,
    ) -> MemoryServer:
        """Listen in memory; port 0 takes a free one."""
        if ssl:
            raise NotSimulated(_NO_TLS)
        if sock is not None:
            raise NotSimulated("a real listening socket is outside virtual time: pass host and port instead of sock")
        hosts = [host] if host is None or isinstance(host, str) else list(host)
        infos = [
            info
            for name in hosts
            for info in self.network.getaddrinfo(name, port, family=family, kind=0, proto=0, flags=flags)
        ]
        return await self.network.create_server(protocol_factory, infos, start_serving=start_serving)

    async def sock_connect(self, sock: Any, address: Any) -> None:
        """Connect a real socket in memory, for clients that pass it on to `create_connection(sock=...)`."""
        await self.network.connect_socket(sock, address)


def _refuse(name: str) -> Callable[..., Any]:
    def refuse(*_args: Any, **_options: Any) -> Any:
        raise NotSimulated(
            f"loop.{name} is not simulated in virtual time: only TCP by host and port is; use clock=real for the rest"
        )

    return refuse


for _name in (
    *("add_reader", "add_writer", "connect_read_pipe", "connect_write_pipe", "create_datagram_endpoint"),
    *("create_unix_connection", "create_unix_server", "sendfile", "start_tls", "subprocess_exec", "subprocess_shell"),
    *("sock_accept", "sock_recv", "sock_recv_into", "sock_recvfrom", "sock_sendall", "sock_sendfile", "sock_sendto"),
):
    setattr(MemoryLoop, _name, _refuse(_name))
