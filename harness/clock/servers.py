"""Servers that listen in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any, Literal

from harness.clock.sockets import MemorySocket
from harness.clock.transport import MemoryTransport

ProtocolFactory = Callable[[], asyncio.Protocol]


def wake(waiter: asyncio.Future[None]) -> None:
    """Let whoever waits go on, unless it was cancelled meanwhile."""
    if not waiter.done():
        waiter.set_result(None)


class MemoryServer(asyncio.AbstractServer):
    """A listening server in memory: what `loop.create_server` returns."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol_factory: ProtocolFactory,
        addresses: list[tuple[Any, ...]],
        listeners: dict[tuple[str, int], MemoryServer],
    ) -> None:
        self._loop = loop
        self._protocol_factory = protocol_factory
        self._addresses = addresses
        self._listeners = listeners
        # Connections belong to the server, not to the client that happened to open them.
        self._context: Context = copy_context()
        # A dict for its order: closing all connections must be the same in every process.
        self._connections: dict[MemoryTransport, None] = {}
        #: Asked about every connection before it is made: "refused" and "unreachable" keep it from being made.
        self.screen: Callable[[], Literal["refused", "unreachable"] | None] = lambda: None
        self._serving = False
        self._closed = False
        self._waiters: list[asyncio.Future[None]] = []
        for address in addresses:
            listeners.setdefault(address[:2], self)

    @property
    def sockets(self) -> tuple[MemorySocket, ...]:
        """One listening socket for each address, none once closed."""
        return () if self._closed else tuple(MemorySocket(address) for address in self._addresses)

    def accept(
        self,
        client: MemoryTransport,
        *,
        sockname: tuple[Any, ...],
        peername: tuple[Any, ...],
        quiet_fileno: Callable[[], int],
    ) -> None:
        """Make the server's end of a connection, and tell its protocol in the next iteration."""
        transport = MemoryTransport(
            self._loop,
            self._context.run(self._protocol_factory),
            self._context.copy(),
            sockname=sockname,
            peername=peername,
            quiet_fileno=quiet_fileno,
            on_lost=lambda: self._detach(transport),
        )
        transport.join(client)
        self._connections[transport] = None
        transport.start()

    def is_serving(self) -> bool:
        """Whether connections are accepted."""
        return self._serving

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it runs on."""
        return self._loop

    async def start_serving(self) -> None:
        """Accept connections from now on."""
        if self._closed:
            raise RuntimeError("the server is closed")
        self._serving = True

    async def serve_forever(self) -> None:
        """Accept connections until cancelled, then close."""
        await self.start_serving()
        try:
            await self._loop.create_future()
        finally:
            self.close()

    def close(self) -> None:
        """Stop listening; open connections live on."""
        self._closed, self._serving = True, False
        for address in self._addresses:
            if self._listeners.get(address[:2]) is self:
                del self._listeners[address[:2]]
        self._wake_waiters()

    def close_clients(self) -> None:
        """Close every open connection."""
        for transport in list(self._connections):
            transport.close()

    def abort_clients(self) -> None:
        """Reset every open connection."""
        for transport in list(self._connections):
            transport.abort()

    async def wait_closed(self) -> None:
        """Wait until the server is closed and its last connection has ended (as Python 3.12.1 and later do)."""
        if not self._closed or self._connections:
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter

    def _detach(self, transport: MemoryTransport) -> None:
        self._connections.pop(transport, None)
        self._wake_waiters()

    def _wake_waiters(self) -> None:
        if self._closed and not self._connections:
            for waiter in self._waiters:
                wake(waiter)
            self._waiters.clear()
