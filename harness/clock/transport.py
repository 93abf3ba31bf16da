"""The two ends of a TCP connection in memory: flow control, FIN and RST, without a socket."""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any

from harness.clock.sockets import MemorySocket

WINDOW = 256 * 1024
"""Bytes that one end holds for a protocol that does not read; more stay with the sender."""

_HIGH_WATER = 64 * 1024  # asyncio's own default


class MemoryTransport(asyncio.Transport):
    """One end of a connection; bytes reach the other end in the next iteration of the loop and take no time.

    `close()` sends what is left and then FIN. `abort()` resets the connection, and so does closing one with unread
    bytes or with SO_LINGER of 0 s, or sending to an end that is closed. Callbacks of the protocol run in the context
    given.
    """

    _peer: MemoryTransport

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: asyncio.Protocol,
        context: Context,
        *,
        sockname: tuple[Any, ...],
        peername: tuple[Any, ...],
        quiet_fileno: Callable[[], int],
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._socket = MemorySocket(sockname, peername, lambda: -1 if self._readable else quiet_fileno())
        super().__init__({"socket": self._socket, "sockname": sockname, "peername": peername})
        self._loop = loop
        self._protocol: asyncio.BaseProtocol = protocol
        self._context = context
        self._on_lost = on_lost
        self._inbox: deque[bytes] = deque()
        self._inbox_size = 0
        self._outbox: deque[bytes] = deque()
        self._outbox_size = 0
        self._paused = False
        self._delivering = False  # a delivery is scheduled
        self._fin = self._fin_seen = False  # the other end's FIN is here; the protocol knows
        self._reset = False  # the other end's RST is here
        self._eof_written = False
        self._closing = False
        self._losing = False  # connection_lost is scheduled
        self._abortive = False
        self._gone = False
        self._answered_with_reset = False
        self._high, self._low = _HIGH_WATER, _HIGH_WATER // 4
        self._protocol_paused = False

    def join(self, peer: MemoryTransport) -> None:
        """Make the two transports the ends of one connection."""
        self._peer, peer._peer = peer, self

    def start(self) -> None:
        """Tell the protocol that the connection is made, in the next iteration."""
        self._call_soon(self._protocol.connection_made, self)

    # -- reading

    @property
    def _readable(self) -> bool:
        return bool(self._inbox) or self._fin or self._reset or self._gone

    def is_reading(self) -> bool:
        """Whether incoming bytes reach the protocol."""
        return not self._paused and not self._closing

    def pause_reading(self) -> None:
        """Let incoming bytes wait here, and above the window at the sender."""
        self._paused = True

    def resume_reading(self) -> None:
        """Hand waiting and further bytes to the protocol."""
        self._paused = False
        self._schedule_delivery()

    def _schedule_delivery(self) -> None:
        if self._delivering or self._paused or self._closing:
            return
        if self._inbox or self._reset or (self._fin and not self._fin_seen):
            self._delivering = True
            self._call_soon(self._deliver)

    def _deliver(self) -> None:
        self._delivering = False
        if self._paused or self._closing:
            return
        try:
            if self._inbox:
                self._deliver_bytes()
            elif self._reset:
                self._force_close(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))
            elif self._fin and not self._fin_seen:
                self._fin_seen = True
                if not self._protocol.eof_received():  # type: ignore[attr-defined]  # both kinds of protocol have it
                    self.close()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._loop.call_exception_handler(
                {"message": "a protocol failed on what it received", "exception": error, "transport": self}
            )
            self._force_close(error)
        self._schedule_delivery()

    def _deliver_bytes(self) -> None:
        data = self._inbox[0] if len(self._inbox) == 1 else b"".join(self._inbox)
        self._inbox.clear()
        self._inbox_size = 0
        if self._peer._outbox:
            self._peer._call_soon(self._peer._push)
        if isinstance(self._protocol, asyncio.BufferedProtocol):
            view = memoryview(data)
            while view:
                buffer = memoryview(self._protocol.get_buffer(len(view)))
                size = min(len(buffer), len(view))
                buffer[:size] = view[:size]
                self._protocol.buffer_updated(size)
                view = view[size:]
        else:
            self._protocol.data_received(data)  # type: ignore[attr-defined]  # not buffered, so a Protocol

    # -- writing

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send bytes; above the high-water mark of unsent bytes the protocol's `pause_writing` is called."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data must be bytes-like, not {type(data).__name__}")
        if self._eof_written:
            raise RuntimeError("write() after write_eof()")
        if not data or self._losing:
            return
        self._outbox.append(bytes(data))
        self._outbox_size += len(data)
        if len(self._outbox) == 1:
            self._push()
        if self._outbox_size > self._high and not self._protocol_paused:
            self._protocol_paused = True
            self._protocol.pause_writing()

    def _push(self) -> None:
        """Move unsent bytes into the other end's window, and FIN behind the last of them."""
        peer = self._peer
        if self._losing:
            return
        if self._outbox and (self._reset or peer._gone):
            self._send_into_the_void()
            return
        while self._outbox and peer._inbox_size < WINDOW:
            chunk = self._outbox.popleft()
            room = WINDOW - peer._inbox_size
            if len(chunk) > room:
                self._outbox.appendleft(chunk[room:])
                chunk = chunk[:room]
            self._outbox_size -= len(chunk)
            peer._inbox.append(chunk)
            peer._inbox_size += len(chunk)
        peer._schedule_delivery()
        self._after_push()

    def _send_into_the_void(self) -> None:
        # The kernel takes the first bytes after the other end's FIN and learns from the RST that they provoke.
        if self._reset or self._answered_with_reset:
            error = BrokenPipeError(errno.EPIPE, "Broken pipe")
            self._force_close(
                error if self._fin else ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
            )
            return
        self._answered_with_reset = True
        self._outbox.clear()
        self._outbox_size = 0
        self._after_push()

    def _after_push(self) -> None:
        if self._protocol_paused and self._outbox_size <= self._low:
            self._protocol_paused = False
            self._protocol.resume_writing()
        if not self._outbox:
            if self._closing:
                self._lose(None)
            elif self._eof_written:
                self._peer._receive_fin()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks in bytes: 64 KiB and a quarter of the high one unless given."""
        if high is None:
            high = _HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high}) must be at least low ({low}), and low at least 0")
        self._high, self._low = high, low

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """The marks in bytes, low and high."""
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        """Bytes that the other end's window has no room for yet."""
        return self._outbox_size

    def can_write_eof(self) -> bool:
        """FIN can be sent while reading goes on."""
        return True

    def write_eof(self) -> None:
        """Send FIN behind what was written; reading goes on."""
        if self._closing or self._eof_written:
            return
        self._eof_written = True
        if not self._outbox:
            self._peer._receive_fin()

    # -- ending

    def is_closing(self) -> bool:
        """Whether the connection is closed, or is going to be once the unsent bytes are sent."""
        return self._closing

    def close(self) -> None:
        """Send what was written, then FIN."""
        if self._closing:
            return
        self._closing = True
        if not self._outbox:
            self._lose(None)

    def abort(self) -> None:
        """Drop what was written and send RST."""
        self._abortive = True
        self._force_close(None)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol take over."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol in charge."""
        return self._protocol

    def _force_close(self, error: BaseException | None) -> None:
        self._closing = True
        self._outbox.clear()
        self._outbox_size = 0
        self._lose(error)

    def _lose(self, error: BaseException | None) -> None:
        if not self._losing:
            self._losing = True
            self._call_soon(self._hang_up, error)

    def _hang_up(self, error: Exception | None) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            self._gone = True
            unread = bool(self._inbox)
            self._inbox.clear()
            if self._abortive or unread or self._socket.resets_on_close:
                self._peer._receive_reset()
            elif not self._reset:
                self._peer._receive_fin()
            self._on_lost()

    def _receive_fin(self) -> None:
        self._fin = True
        self._schedule_delivery()
        if self._outbox and self._peer._gone:
            self._receive_reset()

    def _receive_reset(self) -> None:
        self._reset = True
        if self._outbox:
            self._call_soon(self._push)
        else:
            self._schedule_delivery()

    def _call_soon(self, callback: Callable[..., Any], *args: Any) -> None:
        self._loop.call_soon(callback, *args, context=self._context)
