"""Listen with the mock, on real sockets or in memory, and deny the connections that its profile denies."""

from __future__ import annotations

import asyncio
import ctypes
import socket
import struct
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Literal

from harness.errors import UserError
from harness.mock.app import MockApp
from harness.mock.http import HttpConnection, Server, reset
from harness.profiles import Profile

#: Connections that may wait to be accepted: a burst of a thousand clients must not be turned away.
BACKLOG = 4096
#: Connections that asyncio accepts in one turn of the loop; where none can be opened it complains as often.
AT_ONCE = 64


@asynccontextmanager
async def serving(app: MockApp, host: str | Sequence[str] = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Serve the application at one address or several on the running loop, real or virtual, and yield the port.

    At the end connections are closed and what the application still plays is told that its client has gone. Raises
    UserError when the profile needs what this system does not have.
    """
    server = Server(app)
    gate = _Gate(app, server, host)
    gate.check(app.profile)
    app.checks.append(gate.check)
    try:
        yield await gate.open(port)
    finally:
        app.checks.remove(gate.check)
        await gate.close()
        server.close()


class _Gate:
    """Decides about connections before there is a request.

    In memory they are refused or never answered one by one. On real sockets the kernel answers: in a window of refusal
    nobody listens, whom the dice refuse is reset as soon as it is accepted, and a filter of the listening socket drops
    the SYN of a share of the clients' ports, for as long as a client tries from that port.
    """

    def __init__(self, app: MockApp, server: Server, host: str | Sequence[str]) -> None:
        self._app = app
        self._server = server
        self._host = host
        self._port = 0
        self._numbers = count()
        self._loop = asyncio.get_running_loop()
        self._in_memory = getattr(self._loop, "is_virtual", False)
        self._listening: Any = None
        self._opening: asyncio.Task[None] | None = None
        self._filtered = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def check(self, profile: Profile) -> None:
        """Raise UserError when this system cannot do what a profile asks for; else act by it from now on."""
        if self._in_memory:
            return
        if not sys.platform.startswith("linux") and any(fault.name == "connect_blackhole" for fault in profile.faults):
            raise UserError("connect_blackhole over real sockets needs Linux; use clock=virtual")
        if self._port:
            self._loop.call_soon(self._refresh)

    async def open(self, port: int) -> int:
        """Listen, and give the port."""
        self._port = port
        await self._listen()
        self._port = int(self._listening.sockets[0].getsockname()[1])
        if not self._in_memory:
            self._refresh()
        return self._port

    async def close(self) -> None:
        """Listen no longer."""
        if self._timer is not None:
            self._timer.cancel()
        if self._opening is not None:
            await self._opening
        if self._listening is not None:
            self._listening.close()

    async def _listen(self) -> None:
        listening: Any = await self._loop.create_server(
            self._protocol, self._host, self._port, backlog=AT_ONCE, start_serving=self._in_memory
        )
        self._listening, self._filtered = listening, 0.0
        if self._in_memory:
            listening.screen = self._screen
            return
        # Within the turn of the loop in which it begins to listen, so that no burst comes before.
        self._loop.call_soon(_widen, listening.sockets)
        await listening.start_serving()

    def _protocol(self) -> asyncio.Protocol:
        """What serves the next connection; those in memory that come here were let in."""
        if not self._in_memory:
            fault = self._app.connection_fault(next(self._numbers))
            if fault is not None and fault.name == "connect_refused":
                self._app.log.faults[fault.name] += 1
                return _Reset()
        return HttpConnection(self._server)

    def _screen(self) -> Literal["refused", "unreachable"] | None:
        fault = self._app.connection_fault(next(self._numbers))
        if fault is None:
            return None
        self._app.log.faults[fault.name] += 1
        return "refused" if fault.name == "connect_refused" else "unreachable"

    # -- the kernel's part

    def _refresh(self) -> None:
        """Listen or not, filter the share of SYNs that the profile drops now, and look again before a window ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        faults = [fault for fault in self._app.profile.faults if fault.connects]
        windows = [fault.window_s for fault in faults if fault.window_s is not None]
        met = self._app.connection_fault(-1) if windows else None
        outage = met.name if met is not None and met.sticky == "window" else None
        if windows:
            self._timer = self._loop.call_later(min(windows) / 20, self._refresh)
        if outage == "connect_refused":
            if self._listening is not None:
                self._listening.close()
                self._listening = None
            return
        if self._listening is None:
            if self._opening is None or self._opening.done():
                self._opening = self._loop.create_task(self._listen())
                self._opening.add_done_callback(lambda _: self._refresh())
            return
        dice = [fault for fault in faults if fault.name == "connect_blackhole" and fault.sticky == "connection"]
        share = 1.0 if outage else sum(fault.probability for fault in dice)
        if share != self._filtered:
            self._filtered = share
            for sock in self._listening.sockets:
                _drop_share(sock, share, self._app.seed)


class _Reset(asyncio.Protocol):
    """Resets the connection that it is given."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Before anything is read or sent."""
        reset(transport)


# Of <linux/filter.h>: codes of the classic Berkeley packet filter, which Python has no names for.
_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_LOAD_HALF, _MULTIPLY, _ADD, _SHIFT_RIGHT, _JUMP_IF_AT_LEAST, _RETURN = 0x28, 0x24, 0x04, 0x74, 0x35, 0x06
_KNUTH = 2_654_435_761  # 2^32 over the golden ratio: multiplying by it spreads neighbouring ports


def _widen(sockets: Sequence[Any]) -> None:
    for sock in sockets:
        with _same(sock) as same:
            same.listen(BACKLOG)


def _same(sock: Any) -> socket.socket:
    """A listening socket by another descriptor: asyncio shows a wrapper that lets no options be set."""
    return socket.socket(fileno=socket.dup(sock.fileno()))


def _drop_share(sock: socket.socket, share: float, seed: int) -> None:
    """Let the kernel drop what comes to a listening socket from a share of the clients' ports."""
    with _same(sock) as same:
        if share <= 0:
            same.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
            return
        threshold = min(round(share * 2**16), 2**16)
        code = [
            (_LOAD_HALF, 0, 0, 0),  # the source port, with which the TCP header begins
            (_ADD, 0, 0, seed * 7919 & 0xFFFF),
            (_MULTIPLY, 0, 0, _KNUTH),
            (_SHIFT_RIGHT, 0, 0, 16),
            (_JUMP_IF_AT_LEAST, 1, 0, threshold),
            (_RETURN, 0, 0, 0),
            (_RETURN, 0, 0, 0xFFFF),
        ]
        program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in code))
        described = struct.pack("HP", len(code), ctypes.addressof(program))
        same.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
