"""TCP in memory behaves as TCP does: FIN, RST, flow control, refusal, and silence."""

from __future__ import annotations

import asyncio
import contextvars
import errno
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

import pytest

from harness import clock
from harness.clock.virtual import VirtualLoop

Which = Literal["virtual", "real"]
T = TypeVar("T")
both = pytest.mark.parametrize("which", ["virtual", pytest.param("real", marks=pytest.mark.slow)])


class Witness(asyncio.Protocol):
    """Writes down what happens to it; `ended` is set with the connection's loss."""

    def __init__(self, keep_open: bool = False) -> None:
        self.keep_open = keep_open
        self.seen: list[str] = []
        self.data = b""
        self.error: Exception | None = None
        self.made = asyncio.Event()
        self.ended = asyncio.Event()
        self.ended_reading = asyncio.Event()
        self.paused = asyncio.Event()
        self.resumed = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.made.set()

    def data_received(self, data: bytes) -> None:
        self.data += data

    def eof_received(self) -> bool:
        self.seen.append("eof")
        self.ended_reading.set()
        return self.keep_open

    def connection_lost(self, error: Exception | None) -> None:
        self.seen.append("lost")
        self.error = error
        self.ended.set()

    def pause_writing(self) -> None:
        self.seen.append("pause")
        self.paused.set()

    def resume_writing(self) -> None:
        self.seen.append("resume")
        self.resumed.set()


def play(
    which: Which,
    scene: Callable[[Witness, Witness], Awaitable[T]],
    *,
    keep_open: bool = False,
    server_kind: Callable[[bool], Witness] = Witness,
) -> T:
    """Connect a client to a server on 127.0.0.1, and play a scene with the two protocols."""

    async def main() -> T:
        loop = asyncio.get_running_loop()
        server_side, client_side = server_kind(keep_open), Witness(keep_open)
        server = await loop.create_server(lambda: server_side, "127.0.0.1", 0)
        await loop.create_connection(lambda: client_side, *server.sockets[0].getsockname())
        async with asyncio.timeout(20):
            await server_side.made.wait()
            result = await scene(client_side, server_side)
        client_side.transport.abort()
        server_side.transport.abort()
        server.close()
        await asyncio.gather(client_side.ended.wait(), server_side.ended.wait())
        return result

    return clock.run(main, clock=which)


@both
def test_streams_talk(which: Which):
    """asyncio's own streams work unchanged, in both directions, with names resolved."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def main() -> bytes:
        server = await asyncio.start_server(serve, "localhost", 0, family=socket.AF_INET)
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("localhost", port)
            writer.write(b"hello\n")
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
        return answer

    assert clock.run(main, clock=which) == b"HELLO\n"


@both
def test_close_sends_what_was_written_and_then_fin(which: Which):
    """The other end gets all bytes, then end-of-file, then a loss without error."""

    async def scene(client: Witness, server: Witness) -> None:
        server.transport.write(b"x" * 1_000_000)
        server.transport.close()
        await client.ended.wait()
        assert len(client.data) == 1_000_000
        assert client.seen == ["eof", "lost"]
        assert client.error is None
        assert server.error is None

    play(which, scene)


@both
def test_half_closed_connection_still_answers(which: Which):
    """After `write_eof` the other direction stays open."""

    async def scene(client: Witness, server: Witness) -> None:
        client.transport.write(b"question")
        client.transport.write_eof()
        await server.ended_reading.wait()
        assert server.data == b"question"
        server.transport.write(b"answer")
        server.transport.close()
        await client.ended_reading.wait()
        assert client.data == b"answer"

    play(which, scene, keep_open=True)


@both
def test_write_after_eof_is_an_error(which: Which):
    """Who has said that nothing follows cannot write."""

    async def scene(client: Witness, server: Witness) -> None:
        client.transport.write_eof()
        with pytest.raises(RuntimeError):
            client.transport.write(b"more")

    play(which, scene, keep_open=True)


@both
def test_closing_with_linger_zero_resets(which: Which):
    """SO_LINGER of 0 s makes closing a reset, which the other end sees as ConnectionResetError."""

    async def scene(client: Witness, server: Witness) -> None:
        sock = server.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.transport.abort()
        await client.ended.wait()
        assert client.seen == ["lost"]
        assert isinstance(client.error, ConnectionResetError)

    play(which, scene)


def test_abort_resets():
    """`abort()` in memory is a reset: the other end gets what had arrived, then ConnectionResetError."""

    async def scene(client: Witness, server: Witness) -> None:
        server.transport.write(b"part")
        server.transport.abort()
        await client.ended.wait()
        assert client.data == b"part"
        assert client.seen == ["lost"]
        assert isinstance(client.error, ConnectionResetError)
        assert server.error is None

    play("virtual", scene)


@both
def test_closing_with_unread_bytes_resets(which: Which):
    """Bytes that nobody read turn FIN into RST, as in the kernel."""

    async def scene(client: Witness, server: Witness) -> None:
        server.transport.pause_reading()
        client.transport.write(b"unread")
        await asyncio.sleep(0.1)
        server.transport.close()
        await client.ended.wait()
        assert isinstance(client.error, ConnectionResetError)

    play(which, scene)


@both
def test_writing_to_a_closed_end_breaks_the_pipe(which: Which):
    """After the other end's FIN and close the first write is lost, and a later one fails with BrokenPipeError."""

    async def scene(client: Witness, server: Witness) -> None:
        server.transport.close()
        await client.ended_reading.wait()
        await server.ended.wait()
        client.transport.write(b"lost")
        await asyncio.sleep(0.1)
        assert not client.ended.is_set()
        client.transport.write(b"fatal")
        await client.ended.wait()
        assert isinstance(client.error, BrokenPipeError)

    play(which, scene, keep_open=True)


@both
def test_writer_is_paused_and_resumed(which: Which):
    """A reader that pauses makes the writer pause; when it reads again all bytes arrive and the writer resumes."""
    size = 32_000_000

    class Counter(Witness):
        count = 0

        def data_received(self, data: bytes) -> None:
            self.count += len(data)

    async def scene(client: Witness, server: Witness) -> None:
        assert isinstance(server, Counter)
        server.transport.pause_reading()
        client.transport.write(b"x" * size)
        assert client.seen == ["pause"]
        assert client.transport.get_write_buffer_size() > 64 * 1024
        server.transport.resume_reading()
        await client.resumed.wait()
        client.transport.close()
        await server.ended.wait()
        assert server.count == size
        assert client.transport.get_write_buffer_size() == 0

    play(which, scene, server_kind=Counter)


@both
def test_marks_of_the_write_buffer_are_obeyed(which: Which):
    """With marks at 0 the first byte that waits pauses the writer, and only an empty buffer resumes it."""

    async def scene(client: Witness, server: Witness) -> None:
        server.transport.pause_reading()
        client.transport.set_write_buffer_limits(0)
        client.transport.write(b"x")
        assert client.seen == []
        client.transport.write(b"x" * 32_000_000)
        assert client.seen == ["pause"]

    play(which, scene)


@both
def test_paused_reader_gets_nothing(which: Which):
    """While reading is paused neither bytes nor end-of-file reach the protocol; then both do, in order."""

    async def scene(client: Witness, server: Witness) -> None:
        client.transport.pause_reading()
        server.transport.write(b"later")
        server.transport.close()
        await asyncio.sleep(0.1)
        assert (client.data, client.seen) == (b"", [])
        client.transport.resume_reading()
        await client.ended.wait()
        assert (client.data, client.seen) == (b"later", ["eof", "lost"])

    play(which, scene)


@both
def test_buffered_protocols_are_served(which: Which):
    """A protocol that brings its own buffer gets the bytes there, piece by piece."""

    class Buffered(asyncio.BufferedProtocol):
        def __init__(self) -> None:
            self.buffer = bytearray(7)
            self.data = b""
            self.ended = asyncio.Event()

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.buffer

        def buffer_updated(self, nbytes: int) -> None:
            self.data += self.buffer[:nbytes]

        def connection_lost(self, error: Exception | None) -> None:
            self.ended.set()

    async def main() -> bytes:
        loop = asyncio.get_running_loop()
        receiver = Buffered()
        server = await loop.create_server(lambda: receiver, "127.0.0.1", 0)  # type: ignore[arg-type]  # stubs forget it
        transport, _ = await loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname())
        transport.write(b"twenty bytes in seven")
        transport.close()
        await receiver.ended.wait()
        server.close()
        return receiver.data

    assert clock.run(main, clock=which) == b"twenty bytes in seven"


@both
def test_a_failing_protocol_loses_its_connection(which: Which):
    """An exception in `data_received` is reported to the loop and closes the connection with it."""
    reported: list[dict[str, Any]] = []

    class Clumsy(Witness):
        def data_received(self, data: bytes) -> None:
            raise ValueError("dropped")

    async def scene(client: Witness, server: Witness) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
        client.transport.write(b"catch")
        await server.ended.wait()
        assert isinstance(server.error, ValueError)

    play(which, scene, server_kind=Clumsy)
    assert [str(context["exception"]) for context in reported] == ["dropped"]


@both
def test_both_ends_know_each_other(which: Which):
    """The peer's name at one end is the socket's name at the other."""

    async def scene(client: Witness, server: Witness) -> None:
        for ours, theirs in ((client.transport, server.transport), (server.transport, client.transport)):
            assert ours.get_extra_info("peername") == theirs.get_extra_info("sockname")
            assert ours.get_extra_info("socket").getpeername() == theirs.get_extra_info("socket").getsockname()
            assert ours.get_extra_info("socket").family == socket.AF_INET

    play(which, scene)


@both
def test_nobody_listening_refuses(which: Which):
    """Connecting to a port where nobody listens any more raises ConnectionRefusedError."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        server.close()
        await server.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(asyncio.Protocol, *address)

    clock.run(main, clock=which)


@both
def test_port_in_use_is_reported(which: Which):
    """Listening twice at one address raises OSError with EADDRINUSE."""

    async def main() -> int | None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        try:
            await loop.create_server(asyncio.Protocol, *server.sockets[0].getsockname())
        except OSError as error:
            return error.errno
        finally:
            server.close()
        return None

    assert clock.run(main, clock=which) == errno.EADDRINUSE


@both
def test_server_does_not_see_the_clients_context(which: Which):
    """A context variable of the caller stays with the caller: the server runs in the context that started it."""
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name")
    seen: list[str] = []

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            seen.append(f"made by {name.get()}")

        def data_received(self, data: bytes) -> None:
            seen.append(f"data for {name.get()}")
            done.set()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        name.set("server")
        server = await loop.create_server(Server, "127.0.0.1", 0)
        name.set("client")
        transport, _ = await loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname())
        transport.write(b"x")
        await done.wait()
        transport.close()
        server.close()

    done = asyncio.Event()
    clock.run(main, clock=which)
    assert seen == ["made by server", "data for server"]


def test_bytes_take_no_virtual_time():
    """A megabyte there and back leaves the clock where it was."""

    async def scene(client: Witness, server: Witness) -> float:
        client.transport.write(b"x" * 1_000_000)
        client.transport.write_eof()
        await server.ended.wait()
        assert len(server.data) == 1_000_000
        return asyncio.get_running_loop().time()

    assert play("virtual", scene) == 0.0


def test_black_hole_never_answers():
    """Connecting to a black hole lasts until the caller's timeout, to the instant."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.network.add_black_hole("api.example.com")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.open_connection("api.example.com", 80)
        return loop.time()

    assert clock.run(main, clock="virtual") == 5.0


def test_black_hole_without_timeout_is_a_deadlock():
    """Who waits for a black hole without a timeout is told so."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.network.add_black_hole("10.0.0.1")
        await asyncio.open_connection("10.0.0.1", 80)

    with pytest.raises(clock.Deadlock, match="reach"):
        clock.run(main, clock="virtual")


def test_names_resolve_in_memory():
    """Names that were added and IP literals resolve; any other name raises gaierror without asking a real resolver."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.network.add_host("api.example.com", "10.0.0.7")
        [(family, kind, _, _, address)] = await loop.getaddrinfo("api.example.com", 80, type=socket.SOCK_STREAM)
        assert (family, kind, address) == (socket.AF_INET, socket.SOCK_STREAM, ("10.0.0.7", 80))
        assert (await loop.getaddrinfo("::1", "80"))[0][4] == ("::1", 80, 0, 0)
        with pytest.raises(socket.gaierror, match=r"nowhere\.invalid"):
            await loop.getaddrinfo("nowhere.invalid", 80)

    clock.run(main, clock="virtual")


def test_wildcard_servers_are_reached_at_any_address():
    """A server without a host listens on every IPv4 address."""

    async def main() -> tuple[str, int]:
        loop = asyncio.get_running_loop()
        await loop.create_server(asyncio.Protocol, None, 8000)
        transport, _ = await loop.create_connection(asyncio.Protocol, "10.1.2.3", 8000)
        return transport.get_extra_info("peername")

    assert clock.run(main, clock="virtual") == ("10.1.2.3", 8000)


def test_ipv6_literals_connect():
    """Addresses of the other family work the same, with their longer names."""

    async def main() -> tuple[Any, ...]:
        loop = asyncio.get_running_loop()
        await loop.create_server(asyncio.Protocol, "::", 8000)
        transport, _ = await loop.create_connection(asyncio.Protocol, "::1", 8000)
        assert transport.get_extra_info("socket").family == socket.AF_INET6
        return transport.get_extra_info("peername")

    assert clock.run(main, clock="virtual") == ("::1", 8000, 0, 0)


def test_closed_server_waits_for_its_connections():
    """`wait_closed` returns when the last connection has ended, at that instant."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 8000)
        transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", 8000)
        loop.call_later(30, transport.close)
        server.close()
        await server.wait_closed()
        return loop.time()

    assert clock.run(main, clock="virtual") == 30.0


def test_socket_tells_a_pool_whether_the_server_hung_up():
    """An idle connection shows a quiet descriptor; once FIN waits it shows -1, which pools take for readable."""

    async def scene(client: Witness, server: Witness) -> tuple[int, int]:
        client.transport.pause_reading()
        before = client.transport.get_extra_info("socket").fileno()
        server.transport.close()
        await server.ended.wait()
        return before, client.transport.get_extra_info("socket").fileno()

    before, after = play("virtual", scene)
    assert before >= 0
    assert after == -1


@pytest.mark.parametrize("method", ["create_connection", "create_server"])
def test_tls_is_refused(method: str):
    """TLS says plainly that it is not simulated."""

    async def main() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        await getattr(asyncio.get_running_loop(), method)(asyncio.Protocol, "localhost", 443, ssl=context)

    with pytest.raises(clock.NotSimulated, match="http://"):
        clock.run(main, clock="virtual")


def test_real_sockets_are_refused():
    """A socket that is connected outside virtual time is not mistaken for one inside."""

    async def main() -> None:
        with socket.socket() as sock:
            await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=sock)

    with pytest.raises(clock.NotSimulated, match="sock_connect"):
        clock.run(main, clock="virtual")
