"""A network in memory: names, listening servers, connections, and hosts that never answer."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Callable, Iterable
from contextvars import copy_context
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from harness.clock.errors import NotSimulated
from harness.clock.servers import MemoryServer, ProtocolFactory, wake
from harness.clock.transport import MemoryTransport

AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]

# What no host means, for servers and for clients, in both families.
_NAMELESS = (("0.0.0.0", "127.0.0.1"), ("::", "::1"))  # noqa: S104  # nothing is bound outside this process
_FIRST_PORT, _PORTS = 32_768, 28_232  # Linux' range for ports that nobody chose


class Network:
    """The hosts of one virtual loop and who listens on them.

    `localhost` is 127.0.0.1, every other name must be added. Connections take no time: latency belongs to the
    application that answers.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, quiet_fileno: Callable[[], int]) -> None:
        self._loop = loop
        self._quiet_fileno = quiet_fileno
        self._names = {"localhost": "127.0.0.1"}
        self._black_holes: set[str] = set()
        self._listeners: dict[tuple[str, int], MemoryServer] = {}
        self._numbers = count()
        self._half_open: WeakKeyDictionary[socket.socket, tuple[MemoryServer, tuple[Any, ...]]] = WeakKeyDictionary()

    def add_host(self, name: str, address: str) -> None:
        """Let a name resolve to an IP address."""
        self._names[name] = str(ipaddress.ip_address(address))

    def add_black_hole(self, host: str) -> None:
        """Let connecting to a host never complete; a name without an address gets one reserved for benchmarks."""
        if _as_ip(host) is None and host not in self._names:
            # 198.18.0.0/15, RFC 2544
            self.add_host(host, str(ipaddress.ip_address("198.18.0.1") + len(self._names)))
        self._black_holes.add(self._names.get(host, host))

    # -- names

    def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int,
        kind: int,
        proto: int,
        flags: int,
    ) -> list[AddressInfo]:
        """The one address of a name or IP literal; raises `socket.gaierror` as the real function does."""
        if isinstance(host, bytes):
            host = host.decode("ascii")
        if not host:
            wildcard, loopback = _NAMELESS[family == socket.AF_INET6]
            host = wildcard if flags & socket.AI_PASSIVE else loopback
        ip = _as_ip(self._names.get(host.lower(), host))
        if ip is None or (flags & socket.AI_NUMERICHOST and _as_ip(host) is None):
            raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {host!r} (virtual network)")
        found = socket.AF_INET6 if ip.version == 6 else socket.AF_INET
        if family not in (socket.AF_UNSPEC, found):
            raise socket.gaierror(socket.EAI_ADDRFAMILY, f"Address family for hostname not supported: {host!r}")
        try:
            number = int(port or 0)
        except ValueError:
            raise socket.gaierror(socket.EAI_SERVICE, f"Servname not supported: {port!r}") from None
        sockaddr = (str(ip), number, 0, 0) if ip.version == 6 else (str(ip), number)
        return [(found, socket.SocketKind(kind or socket.SOCK_STREAM), proto or socket.IPPROTO_TCP, "", sockaddr)]

    # -- clients

    async def reach(self, sockaddr: tuple[Any, ...]) -> MemoryServer:
        """Who listens at an address; waits for ever for a black hole, raises ConnectionRefusedError if nobody does."""
        host, port = sockaddr[:2]
        if host in self._black_holes:
            await self._loop.create_future()
        wildcard, loopback = _NAMELESS[":" in host]
        host = loopback if host == wildcard else host
        server = self._listeners.get((host, port)) or self._listeners.get((wildcard, port))
        verdict = "refused" if server is None or not server.is_serving() else server.screen()
        if server is None or verdict == "refused":
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"Connect call failed {sockaddr}")
        if verdict == "unreachable":
            await self._loop.create_future()
        return server

    async def create_connection(
        self,
        protocol_factory: ProtocolFactory,
        infos: list[AddressInfo],
        local_addr: tuple[str, int] | None = None,
    ) -> tuple[MemoryTransport, asyncio.Protocol]:
        """Connect to the first address that answers; raises the OSError of the last that does not."""
        failure = OSError("getaddrinfo() returned empty list")
        for *_, sockaddr in infos:
            try:
                server = await self.reach(sockaddr)
            except OSError as error:
                failure = error
                continue
            return await self._establish(protocol_factory, server, sockaddr, local_addr)
        raise failure

    async def connect_socket(self, sock: socket.socket, sockaddr: tuple[Any, ...]) -> None:
        """Let a real socket stand for a connection in memory, until `adopt_socket` exchanges it for a transport."""
        self._half_open[sock] = (await self.reach(sockaddr), sockaddr)

    async def adopt_socket(
        self, protocol_factory: ProtocolFactory, sock: socket.socket
    ) -> tuple[MemoryTransport, asyncio.Protocol]:
        """The transport for a socket connected with `connect_socket`; the socket itself is closed."""
        if sock not in self._half_open:
            raise NotSimulated("this socket is connected outside virtual time: connect it with loop.sock_connect")
        server, sockaddr = self._half_open.pop(sock)
        sock.close()
        return await self._establish(protocol_factory, server, sockaddr, None)

    async def _establish(
        self,
        protocol_factory: ProtocolFactory,
        server: MemoryServer,
        sockaddr: tuple[Any, ...],
        local_addr: tuple[str, int] | None,
    ) -> tuple[MemoryTransport, asyncio.Protocol]:
        host, port = local_addr or (sockaddr[0], 0)
        sockname = (host, port or self._next_port(), *sockaddr[2:])
        protocol = protocol_factory()
        client = MemoryTransport(
            self._loop,
            protocol,
            copy_context(),
            sockname=sockname,
            peername=sockaddr,
            quiet_fileno=self._quiet_fileno,
        )
        server.accept(client, sockname=sockaddr, peername=sockname, quiet_fileno=self._quiet_fileno)
        client.start()
        made = self._loop.create_future()
        self._loop.call_soon(wake, made)
        try:
            await made
        except BaseException:
            client.close()
            raise
        return client, protocol

    # -- servers

    async def create_server(
        self, protocol_factory: ProtocolFactory, infos: Iterable[AddressInfo], *, start_serving: bool
    ) -> MemoryServer:
        """Bind to every address, to a free port where it is 0; raises OSError when one is in use."""
        addresses = []
        for *_, sockaddr in infos:
            host, port = sockaddr[:2]
            port = port or next(free for free in iter(self._next_port, None) if (host, free) not in self._listeners)
            if (host, port) in self._listeners:
                raise OSError(
                    errno.EADDRINUSE,
                    f"error while attempting to bind on address {(host, port)!r}: address already in use",
                )
            addresses.append((host, port, *sockaddr[2:]))
        server = MemoryServer(self._loop, protocol_factory, addresses, self._listeners)
        if start_serving:
            await server.start_serving()
        return server

    def _next_port(self) -> int:
        return _FIRST_PORT + next(self._numbers) % _PORTS


def _as_ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
