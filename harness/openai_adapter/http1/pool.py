"""The connections of one client: reused last in, first out, and never more than its limit."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict, deque
from collections.abc import Callable

import httpx2

from harness.openai_adapter.http1.connection import Connection

Origin = tuple[str, str, int]


class Pool:
    """At most `limits.max_connections` at once; who finds none free waits for his turn, first come first served."""

    def __init__(self, limits: httpx2.Limits, tls: ssl.SSLContext, *, reuse: bool) -> None:
        self._limits = limits
        self._tls = tls
        self._reuse = reuse
        self._idle: dict[Origin, list[Connection]] = defaultdict(list)
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._taken = 0
        self._closed = False

    async def take(
        self, origin: Origin, *, pool_s: float | None, connect_s: float | None, admitted: Callable[[], None]
    ) -> Connection:
        """A connection to `(scheme, host, port)`, an idle one if there is any; `admitted` hears when its turn has come.

        Raises httpx2.PoolTimeout after `pool_s` seconds in the queue, ConnectTimeout after `connect_s` of connecting,
        and ConnectError.
        """
        await self._admit(pool_s)
        admitted()
        try:
            return self._reusable(origin) or await self._connect(origin, connect_s)
        except BaseException:
            self._leave()
            raise

    def give_back(self, origin: Origin, connection: Connection) -> None:
        """Its exchange is over: it serves again if it can, and is closed if not."""
        if self._reuse and not self._closed and connection.reusable and connection.open:
            self._idle[origin].append(connection)
            self._shrink(origin)
        else:
            connection.close()
        self._leave()

    def close(self) -> None:
        """Close all that are idle, and the others when they are given back."""
        self._closed = True
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    # -- turns

    async def _admit(self, pool_s: float | None) -> None:
        most = self._limits.max_connections
        if most is None or (self._taken < most and not self._waiting):
            self._taken += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(pool_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                # The turn came at the same moment; it is somebody else's now.
                self._leave()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise httpx2.PoolTimeout("") from None
            raise

    def _leave(self) -> None:
        """Hand the place to the next who waits."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._taken -= 1

    # -- connections

    def _reusable(self, origin: Origin) -> Connection | None:
        idle, expiry = self._idle[origin], self._limits.keepalive_expiry
        now = asyncio.get_running_loop().time()
        while idle:
            connection = idle.pop()
            if connection.open and (expiry is None or now - connection.idle_since <= expiry):
                return connection
            connection.close()
        return None

    def _shrink(self, origin: Origin) -> None:
        most = self._limits.max_keepalive_connections
        idle = self._idle[origin]
        if most is not None and len(idle) > most:
            idle.pop(0).close()

    async def _connect(self, origin: Origin, connect_s: float | None) -> Connection:
        scheme, host, port = origin
        tls = self._tls if scheme == "https" else None
        try:
            async with asyncio.timeout(connect_s):
                _, connection = await asyncio.get_running_loop().create_connection(
                    Connection, host, port, ssl=tls, server_hostname=host if tls else None
                )
        except OSError as error:
            # The kernel's own patience ends with the same class, but with a number.
            if isinstance(error, TimeoutError) and error.errno is None:
                raise httpx2.ConnectTimeout("") from error
            raise httpx2.ConnectError(str(error)) from error
        return connection
