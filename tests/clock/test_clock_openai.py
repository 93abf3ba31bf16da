"""The unmodified SDK and an unmodified HTTP server meet on the virtual clock."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import openai
import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from harness import clock
from harness.clock.virtual import VirtualLoop

T = TypeVar("T")
Transports = pytest.mark.parametrize("transport", ["httpx2", "aiohttp"])
CHOICE = {"index": 0, "finish_reason": "stop"}
ANSWER = {"id": "answer", "created": 0, "model": "m"}


class App:
    """Answers `delay_s` after the request; a stream then sends one token every `gap_s`."""

    def __init__(self, *, delay_s: float = 1.0, gap_s: float = 0.5, tokens: int = 4) -> None:
        self.delay_s = delay_s
        self.gap_s = gap_s
        self.tokens = tokens
        self.arrivals: list[float] = []
        self.peers: list[tuple[str, int]] = []

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        self.arrivals.append(asyncio.get_running_loop().time())
        self.peers.append(scope["client"])
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message["more_body"]:
                break
        await asyncio.sleep(self.delay_s)
        streamed = json.loads(body).get("stream", False)
        kind = b"text/event-stream" if streamed else b"application/json"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        if not streamed:
            message = {"role": "assistant", "content": "tok " * self.tokens}
            answer = {**ANSWER, "object": "chat.completion", "choices": [{**CHOICE, "message": message}]}
            await send({"type": "http.response.body", "body": json.dumps(answer).encode()})
            return
        for _ in range(self.tokens):
            choice = {"index": 0, "delta": {"content": "tok "}}
            chunk = {**ANSWER, "object": "chat.completion.chunk", "choices": [choice]}
            await send(
                {"type": "http.response.body", "body": f"data: {json.dumps(chunk)}\n\n".encode(), "more_body": True}
            )
            await asyncio.sleep(self.gap_s)
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[None]:
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: HttpToolsProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 8000
    )
    try:
        yield
    finally:
        server.close()


def play(app: Any, scene: Callable[[openai.AsyncOpenAI], Awaitable[T]], transport: str = "httpx2") -> T:
    async def main() -> T:
        options: dict[str, Any] = {"base_url": "http://127.0.0.1:8000/v1", "api_key": "none", "max_retries": 0}
        if transport == "aiohttp":
            options["http_client"] = openai.DefaultAioHttpClient()
        async with serving(app), openai.AsyncOpenAI(**options) as client:
            return await scene(client)

    return clock.run(main, clock="virtual")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of this machine is not on the network in memory."""
    monkeypatch.setenv("NO_PROXY", "*")


def ask(client: openai.AsyncOpenAI, **options: Any) -> Any:
    return client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], **options)


def now() -> float:
    return asyncio.get_running_loop().time()


@Transports
def test_answer_takes_exactly_its_time(transport: str):
    """A request answered after ten minutes is answered at 600.0 s."""

    async def scene(client: openai.AsyncOpenAI) -> tuple[str, float]:
        answer = await ask(client, timeout=601)
        return answer.choices[0].message.content, now()

    assert play(App(delay_s=600.0), scene, transport) == ("tok tok tok tok ", 600.0)


@Transports
def test_each_token_of_a_stream_arrives_when_it_is_sent(transport: str):
    """Tokens sent every half second from 1.0 s are seen at those instants."""

    async def scene(client: openai.AsyncOpenAI) -> list[float]:
        return [now() async for _ in await ask(client, stream=True)]

    assert play(App(), scene, transport) == [1.0, 1.5, 2.0, 2.5]


@Transports
def test_read_timeout_is_exact(transport: str):
    """With `timeout=10` a silent server costs 10.0 virtual seconds, and APITimeoutError."""

    async def scene(client: openai.AsyncOpenAI) -> float:
        with pytest.raises(openai.APITimeoutError):
            await ask(client, timeout=10)
        return now()

    assert play(App(delay_s=3600.0), scene, transport) == 10.0


def test_retries_wait_in_virtual_time():
    """The SDK's own retries and their back-off happen on the virtual clock."""
    app = App(delay_s=3600.0)

    async def scene(client: openai.AsyncOpenAI) -> None:
        with pytest.raises(openai.APITimeoutError):
            await ask(client.with_options(max_retries=2), timeout=10)

    play(app, scene)
    first, second, third = app.arrivals
    assert first == 0.0
    # Back-off 0.5 and 1 s, times a factor between 0.75 and 1.
    assert 10.375 <= second <= 10.5
    assert second + 10.75 <= third <= second + 11.0


def test_black_hole_costs_the_connect_timeout():
    """A host that never answers costs the SDK's connect timeout of 5 s, and APITimeoutError."""

    async def scene(client: openai.AsyncOpenAI) -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.network.add_black_hole("api.example.com")
        with pytest.raises(openai.APITimeoutError):
            await ask(client.with_options(base_url="http://api.example.com/v1"))
        return now()

    assert play(App(), scene) == 5.0


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "http://nowhere.invalid/v1"])
def test_nobody_there_is_a_connection_error(url: str):
    """A refused port and an unknown name fail at once, as a connection error and not as a timeout."""

    async def scene(client: openai.AsyncOpenAI) -> tuple[type[Exception], float]:
        with pytest.raises(openai.APIConnectionError) as caught:
            await ask(client.with_options(base_url=url))
        return caught.type, now()

    assert play(App(), scene) == (openai.APIConnectionError, 0.0)


def test_connections_are_kept_alive_and_replaced():
    """A second request reuses the connection; after the server's 5 s of keep-alive it gets a new one."""
    app = App()

    async def scene(client: openai.AsyncOpenAI) -> None:
        await ask(client)
        await ask(client)
        await asyncio.sleep(60)
        await ask(client)

    play(app, scene)
    first, second, third = app.peers
    assert first == second
    assert third != first


def test_breaking_off_a_stream_reaches_the_server():
    """When the client leaves a stream early the application receives `http.disconnect` at that instant."""
    told: list[tuple[str, float]] = []

    class Watching(App):
        async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Any) -> None:
            answering = asyncio.create_task(super().__call__(scope, receive, send))
            await asyncio.sleep(self.delay_s + 0.1)
            told.append(((await receive())["type"], now()))
            await answering

    async def scene(client: openai.AsyncOpenAI) -> None:
        async with await ask(client, stream=True) as stream:
            await anext(stream)
            await asyncio.sleep(0.25)
        await asyncio.sleep(10)

    play(Watching(), scene)
    assert told == [("http.disconnect", 1.25)]


CROWD = """
import asyncio, sys
sys.path.insert(0, {folder!r})
from test_clock_openai import App, ask, now, play

async def scene(client):
    done = []
    async def one(number):
        await ask(client, stream=number % 2 == 0)
        done.append((number, now()))
    await asyncio.gather(*(one(number) for number in range(60)))
    print(done)

play(App(), scene)
"""


def test_a_crowd_finishes_in_the_same_order_in_every_process():
    """Sixty concurrent requests end in one order, whatever the hash seed and the speed of the SDK's threads."""

    def played(seed: str) -> str:
        code = CROWD.format(folder=os.path.dirname(__file__))
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        return subprocess.run(
            [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
        ).stdout

    first = played("1")
    assert first.count("(") == 60
    assert first == played("2")
