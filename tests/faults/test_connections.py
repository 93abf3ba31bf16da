"""Faults of the connection, as the kernel and the network in memory play them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2
import pytest

from harness import clock
from harness.mock.app import MockApp
from harness.mock.listener import serving
from harness.openai_adapter import DirectTransport
from harness.profiles import Profile

T = TypeVar("T")
CHAT = "/v1/chat/completions"
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
Linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a filter of the kernel's is needed")


def profile(kind: str, probability: float = 1.0, headers: float = 0.0, **settings: Any) -> Profile:
    fault = {"kind": kind, "probability": probability, **settings}
    return Profile.from_dict({"name": "p", "output_tokens": 3, "headers": headers, "faults": [fault]})


def play(p: Profile, network: str, scene: Callable[[httpx2.AsyncClient], Awaitable[T]], timeout: float = 5.0) -> T:
    """A scene with a client of the mock: called directly, over sockets in memory, or over real ones."""
    app = MockApp(p)

    async def main() -> T:
        options: dict[str, Any] = {"timeout": timeout, "trust_env": False}
        if network == "direct":
            transport = DirectTransport(app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://mock", **options) as client:
                return await scene(client)
        async with (
            serving(app) as port,
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", **options) as client,
        ):
            return await scene(client)

    return clock.run(main, clock="real" if network == "real" else "virtual")


async def ask(client: httpx2.AsyncClient, **headers: str) -> str:
    """What a request comes to: a status, or the name of the error."""
    try:
        return str((await client.post(CHAT, json=ASK, headers=headers)).status_code)
    except httpx2.TransportError as error:
        return type(error).__name__


@pytest.mark.parametrize("network", ["direct", "memory", "real"])
@pytest.mark.parametrize(("how", "error"), [("reset", "ReadError"), ("fin", "RemoteProtocolError")])
def test_a_connection_breaks_before_the_headers(network, how, error):
    """With RST or FIN, which a client tells apart."""
    assert play(profile("drop_before_headers", how=how), network, ask) == error


def test_a_reset_is_one_on_the_wire():
    """The client's kernel says ECONNRESET, before the headers and in the middle of a stream."""

    def received(p: Profile) -> tuple[bytes, int]:
        app = MockApp(p)

        async def main() -> tuple[bytes, int]:
            loop = asyncio.get_running_loop()
            body = json.dumps(ASK | {"stream": True}).encode()
            head = b"POST %b HTTP/1.1\r\nhost: m\r\ncontent-length: %d\r\n\r\n" % (CHAT.encode(), len(body))
            async with serving(app) as port:
                with socket.socket() as client:
                    client.setblocking(False)
                    await loop.sock_connect(client, ("127.0.0.1", port))
                    await loop.sock_sendall(client, head + body)
                    seen = b""
                    try:
                        while part := await loop.sock_recv(client, 65536):
                            seen += part
                    except ConnectionResetError as error:
                        return seen, error.errno or 0
                    return seen, 0

        return clock.run(main, clock="real")

    assert received(profile("drop_before_headers")) == (b"", errno.ECONNRESET)
    seen, number = received(profile("abrupt_disconnect", how="reset", tokens=2))
    assert (seen.count(b'"content"'), number) == (3, errno.ECONNRESET)
    seen, number = received(profile("abrupt_disconnect", how="fin", tokens=2))
    assert (seen.count(b'"content"'), number, seen.endswith(b"0\r\n\r\n")) == (3, 0, False)


@pytest.mark.parametrize("network", ["direct", "memory", "real"])
def test_a_stale_connection_swallows_its_second_request(network):
    """The first one is answered, the second on the same connection is not, and a fresh connection is instant."""

    async def scene(client: httpx2.AsyncClient) -> list[str]:
        return [await ask(client) for _ in range(4)]

    outcomes = play(profile("stale_keepalive"), network, scene, timeout=0.2)
    assert outcomes == ["200", "ReadTimeout", "200", "ReadTimeout"]


@pytest.mark.parametrize("network", ["direct", "memory"])
def test_a_connection_turns_stale_only_when_idle_for_long(network):
    """Back to back it goes on serving."""

    async def scene(client: httpx2.AsyncClient) -> list[str]:
        outcomes = [await ask(client) for _ in range(3)]
        await asyncio.sleep(60)
        return [*outcomes, await ask(client), await ask(client)]

    outcomes = play(profile("stale_keepalive", idle_s=30.0), network, scene)
    assert outcomes == ["200", "200", "200", "ReadTimeout", "200"]


@pytest.mark.parametrize("network", ["memory", "real"])
def test_a_connection_that_is_not_read_takes_no_large_request(network):
    """A small request is swallowed by the kernel; a large one cannot even be sent."""

    async def scene(client: httpx2.AsyncClient) -> list[str]:
        outcomes = [await ask(client)]
        large = ASK | {"messages": [{"role": "user", "content": "x" * 15_000_000}]}
        try:
            await client.post(CHAT, json=large)
        except httpx2.TransportError as error:
            outcomes.append(type(error).__name__)
        return outcomes

    assert play(profile("accepted_unread"), network, scene, timeout=0.3) == ["ReadTimeout", "WriteTimeout"]


@pytest.mark.parametrize("network", ["direct", "memory", "real"])
@pytest.mark.parametrize(("by", "error"), [(10, "ReadTimeout"), (-10, "200")])
def test_a_wrong_length_keeps_the_client_waiting_or_cuts_the_answer(network, by, error):
    """Too large, and the client waits for bytes that never come; too small, and the rest is not its answer's."""

    async def scene(client: httpx2.AsyncClient) -> tuple[str, bool]:
        try:
            response = await client.post(CHAT, json=ASK)
        except httpx2.TransportError as failure:
            return type(failure).__name__, False
        with contextlib.suppress(ValueError):
            response.json()
            return str(response.status_code), True
        return str(response.status_code), False

    assert play(profile("wrong_content_length", by=by), network, scene, timeout=0.3) == (error, False)


@pytest.mark.parametrize("network", ["direct", "memory"])
@pytest.mark.parametrize(
    ("kind", "error"), [("connect_blackhole", "ConnectTimeout"), ("connect_refused", "ConnectError")]
)
def test_the_dice_are_thrown_for_every_connection(network, kind, error):
    """About a third of the clients never get a connection, each with its own luck; the same ones every time."""

    async def scene(client: httpx2.AsyncClient) -> list[str]:
        return list(await asyncio.gather(*(ask(client, **{"X-Harness-Request": str(n)}) for n in range(60))))

    outcomes = play(profile(kind, 0.3, headers=1.0), network, scene)
    assert set(outcomes) == {"200", error}
    assert 8 < outcomes.count(error) < 30
    assert outcomes == play(profile(kind, 0.3, headers=1.0), "memory", scene)


@Linux
def test_the_kernel_leaves_a_share_of_connects_unanswered():
    """SYN is dropped for some ports of the client's, for good; the others are served."""

    async def scene(client: httpx2.AsyncClient) -> list[str]:
        port = client.base_url.port or 0
        loop = asyncio.get_running_loop()

        async def connect() -> str:
            with socket.socket() as one:
                one.setblocking(False)
                try:
                    async with asyncio.timeout(0.5):
                        await loop.sock_connect(one, ("127.0.0.1", port))
                except TimeoutError:
                    return "unanswered"
                return "connected"

        return list(await asyncio.gather(*(connect() for _ in range(200))))

    outcomes = play(profile("connect_blackhole", 0.4), "real", scene)
    assert 40 < outcomes.count("unanswered") < 120


def test_in_a_window_of_refusal_nobody_listens():
    """Over real sockets the kernel refuses; when the window is over, the server is there again."""
    window_s = 0.2
    p = profile("connect_refused", 0.5, sticky="window", window_s=window_s)

    async def scene(client: httpx2.AsyncClient) -> list[int]:
        found = []
        for _ in range(100):
            with socket.socket() as one:
                found.append(one.connect_ex(("127.0.0.1", client.base_url.port or 0)))
            await asyncio.sleep(window_s / 8)
        return found

    assert set(play(p, "real", scene)) == {0, errno.ECONNREFUSED}


@pytest.mark.parametrize("network", ["direct", "memory"])
def test_windows_of_refusal_come_and_go(network):
    """In virtual time, ten minutes of them."""
    p = profile("connect_refused", 0.5, sticky="window", window_s=30.0)

    async def scene(client: httpx2.AsyncClient) -> list[str]:
        found = []
        for number in range(20):
            found.append(await ask(client, **{"Connection": "close", "X-Harness-Request": str(number)}))
            await asyncio.sleep(30)
        return found

    outcomes = play(p, network, scene)
    assert 4 < outcomes.count("ConnectError") < 16
    assert outcomes.count("ConnectError") + outcomes.count("200") == 20
