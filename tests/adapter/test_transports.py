"""What the SDK sends through makes no difference to what is recorded, over real sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

from harness import clock
from harness.config import compose
from harness.errors import UserError
from harness.mock.app import MockApp
from harness.mock.server import serving
from harness.openai_adapter import Endpoint, Trace, current_trace, open_client
from harness.profiles import Profile
from harness.records import Attempt

TRANSPORTS = ("httpx2", "aiohttp", "asyncio")
ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 3}


def asked(
    transport: str, fault: dict[str, Any] | None = None, *, times: int = 1, reuse: bool = True, **settings: Any
) -> tuple[list[Attempt], list[str], MockApp]:
    """Requests one after the other against the mock on a real socket: attempts, exceptions, and the mock."""
    faults = [] if fault is None else [{"probability": 1, **fault}]
    app = MockApp(Profile.from_dict({"name": "p", "headers": {"kind": "constant", "value": 0.02}, "faults": faults}))
    attempts: list[Attempt] = []
    raised: list[str] = []

    async def one(client: openai.AsyncOpenAI, key: str) -> None:
        trace = Trace(key)
        current_trace.set(trace)
        try:
            answer = await client.chat.completions.create(**ASKED, **settings)
            if settings.get("stream"):
                async for _ in answer:
                    pass
        except openai.OpenAIError as error:
            raised.append(type(error).__name__)
        now = asyncio.get_running_loop().time()
        attempts.extend(trace.attempts(0.0, now))

    async def main() -> None:
        async with serving(app) as port:
            endpoint = Endpoint(f"http://127.0.0.1:{port}/v1", "k", "m", is_mock=True)
            async with open_client(endpoint, max_retries=0, reuse=reuse, transport=transport) as client:
                for number in range(times):
                    await asyncio.create_task(one(client, str(number)))

    clock.run(main, clock="real")
    assert len(attempts) == times
    return attempts, raised, app


@pytest.mark.slow
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_comes_whole(transport, stream):
    """With its tokens, and its instants in order."""
    (attempt,), raised, _ = asked(transport, stream=stream)
    assert (attempt.outcome, attempt.status, raised) == ("ok", 200, [])
    assert attempt.send_s < attempt.headers_s <= attempt.first_content_s <= attempt.last_content_s <= attempt.end_s
    assert attempt.tokens == (3 if stream else 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("transport", "exception"),
    [("httpx2", "APIConnectionError"), ("aiohttp", "APITimeoutError"), ("asyncio", "APIConnectionError")],
)
@pytest.mark.parametrize("kind", ["drop_before_headers", "connect_refused"])
def test_a_connection_that_breaks_is_no_timeout(transport, exception, kind):
    """The SDK over aiohttp calls a refused connection and a FIN before the headers timeouts; records do not."""
    (attempt,), raised, _ = asked(transport, {"kind": kind})
    assert (attempt.outcome, raised) == ("connection_error", [exception])


@pytest.mark.slow
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_timer_that_fires_is_a_timeout(transport):
    """Of the read, with either."""
    (attempt,), raised, _ = asked(transport, {"kind": "hang_before_headers"}, timeout=0.2)
    assert (attempt.outcome, raised) == ("timeout", ["APITimeoutError"])


@pytest.mark.slow
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("reuse", [True, False])
def test_connections_are_reused_or_not(transport, reuse):
    """As the client was told: a fault that spares new connections meets the second request over an old one alone."""
    attempts, _, _ = asked(transport, {"kind": "stale_keepalive"}, times=2, reuse=reuse, timeout=0.3)
    assert attempts[0].outcome == "ok"
    assert (attempts[1].outcome == "ok") is not reuse


def test_virtual_time_has_no_sockets_for_aiohttp():
    """One line, before anything is played."""
    with pytest.raises(UserError, match="transport=aiohttp needs clock=real"):
        compose("article", ["matrix.transport=[httpx2,aiohttp]"])
    cells = compose("article", ["matrix.transport=[httpx2,aiohttp]", "clock=real"]).cells
    assert {cell.strategy.transport for cell in cells} == {"httpx2", "aiohttp"}


@pytest.mark.slow
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_time_on_the_wire_is_told_apart_from_the_clients_own(transport):
    """When there was a connection, and when the request was written to it; the server's 20 ms come after that."""
    first, second = asked(transport, times=2, stream=True)[0]
    for attempt in (first, second):
        instants = [attempt.send_s, attempt.admitted_s, attempt.connected_s, attempt.written_s, attempt.first_byte_s]
        assert instants == sorted(instants)
        assert attempt.first_byte_s <= attempt.headers_s
        assert 0.02 <= attempt.ttft_wire_s <= attempt.ttft_s


@pytest.mark.slow
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_waiting_for_the_pool_is_the_clients_own_time(transport):
    """Of two requests and one connection, the second waits for the first; on the wire both take the same."""
    app = MockApp(Profile.from_dict({"name": "p", "headers": {"kind": "constant", "value": 0.3}}))

    async def main() -> list[Attempt]:
        async def one(key: str) -> Attempt:
            trace = Trace(key)
            current_trace.set(trace)
            async for _ in await client.chat.completions.create(**ASKED, stream=True):
                pass
            (attempt,) = trace.attempts(0.0, asyncio.get_running_loop().time())
            return attempt

        async with serving(app) as port:
            endpoint = Endpoint(f"http://127.0.0.1:{port}/v1", "k", "m", is_mock=True)
            async with open_client(endpoint, max_retries=0, pool={"max_connections": 1}, transport=transport) as client:
                return list(await asyncio.gather(one("0"), one("1")))

    attempts = sorted(clock.run(main, clock="real"), key=lambda attempt: attempt.written_s)
    assert attempts[1].ttft_s >= 0.6
    assert attempts[1].written_s >= attempts[0].end_s
    assert attempts[1].admitted_s >= attempts[1].send_s + 0.25
    assert attempts[1].ttft_wire_s < attempts[1].ttft_s - 0.25


def test_virtual_time_has_no_time_of_its_own_to_tell_apart():
    """Records of direct calls and of sockets in memory are equal; neither has these instants."""
    assert Attempt(1, "first", "ok", send_s=0.0, end_s=1.0, first_content_s=0.5).ttft_wire_s is None
