"""Odd answers, lawful or not: every transport makes the same of them, and the attempt what the request does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from unittest.mock import Mock

import httpx2
import pytest

from harness.attempts import Play
from harness.clock.turns import Turns
from harness.openai_adapter import Endpoint, open_client
from harness.openai_adapter.http1.connection import Connection
from harness.openai_adapter.http1.exchange import Exchange
from harness.openai_adapter.http1.pool import Pool
from harness.openai_adapter.http1.transport import AsyncioTransport, _origin
from harness.openai_adapter.trace import Recording
from harness.records import Outcome, Request
from harness.strategies import Played, Sdk, Strategy

TRANSPORTS = ("httpx2", "aiohttp", "asyncio")
ONCE = Sdk(name="once", timeout=20, stream=True, max_retries=0, tenacity_attempts=1)
AGAIN = Played(name="again", max_retries=1, timeout=20)

Answer = Callable[[asyncio.StreamWriter, bytes, int], Awaitable[None]]


def chunk(content: str | None = None, finish: object = None) -> bytes:
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"


def framed(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


STREAM = b"content-type: text/event-stream\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n" + STREAM + b"transfer-encoding: chunked\r\n\r\n"
GOOD = chunk("a") + chunk("b", "stop") + b"data: [DONE]\n\n"
WHOLE = HEAD + framed(GOOD) + b"0\r\n\r\n"


def with_length(body: bytes, fields: bytes = STREAM) -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + fields + b"content-length: %d\r\n\r\n" % len(body) + body


def played(answer: Answer, transport: str, strategy: Strategy = ONCE, prompt: str = "hi") -> Outcome:
    """What one request comes to at a server that answers so; it hears the request line and which request it is."""

    async def main() -> Outcome:
        asked, handlers = 0, set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal asked
            handlers.add(asyncio.current_task())
            try:
                while True:
                    fields = await reader.readuntil(b"\r\n\r\n")
                    asked += 1
                    if len(prompt) < 1_000:
                        length = next(
                            line for line in fields.lower().split(b"\r\n") if line.startswith(b"content-length")
                        )
                        await reader.readexactly(int(length.partition(b":")[2]))
                    await answer(writer, fields.partition(b"\r\n")[0], asked)
            except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        endpoint = Endpoint(f"http://127.0.0.1:{port}/v1", "key", "model", is_mock=True)
        client = open_client(endpoint, max_retries=strategy.sdk_retries, transport=transport)
        request = Request(0, ({"role": "user", "content": prompt},))
        place = {"experiment": "e", "cell": "c", "trial": 0, "seed": 0, "batch": 0}
        try:
            now = asyncio.get_running_loop().time()
            return await Play(client, request, strategy, endpoint, origin=now, **place).run()
        finally:
            await client.close()
            for handler in handlers:
                handler.cancel()
            await asyncio.gather(*handlers, return_exceptions=True)
            server.close()
            await server.wait_closed()

    return asyncio.run(main())


def saying(*answers: bytes) -> Answer:
    """One answer for each request, the last of them for all that follow."""

    async def answer(writer: asyncio.StreamWriter, line: bytes, number: int) -> None:
        writer.write(answers[min(number, len(answers)) - 1])
        await writer.drain()

    return answer


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    "answer",
    [
        with_length(GOOD.replace(b"\n", b"\r")),
        with_length(GOOD.replace(b"\n", b"\r\n")),
        with_length(GOOD.removesuffix(b"\n\n")),
        with_length(GOOD, b"content-type: Text/Event-Stream; charset=utf-8\r\n"),
        b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + WHOLE,
    ],
    ids=["lines end in CR", "in CR LF", "the last one does not", "a type in capitals", "early hints"],
)
def test_the_attempt_is_whole_where_the_request_is(answer, transport):
    """It has its tokens and the instant of the first of them."""
    outcome = played(saying(answer), transport)
    (attempt,) = outcome.attempts
    assert (outcome.outcome, outcome.finish_reason, outcome.tokens) == ("ok", "stop", 2)
    assert (attempt.outcome, attempt.tokens, attempt.first_content_s is not None) == ("ok", 2, True)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_redirect_is_a_part_of_its_attempt(transport):
    """What counts is what is answered at last."""

    async def answer(writer: asyncio.StreamWriter, line: bytes, number: int) -> None:
        if b" /v1/" in line:
            place = b"location: /elsewhere\r\ncontent-length: 2\r\n\r\nno"
            writer.write(b"HTTP/1.1 307 Temporary Redirect\r\n" + place)
        else:
            for part in (HEAD, framed(chunk("a")), framed(chunk("b", "stop") + b"data: [DONE]\n\n"), b"0\r\n\r\n"):
                await asyncio.sleep(0.05)
                writer.write(part)
        await writer.drain()

    outcome = played(answer, transport)
    (attempt,) = outcome.attempts
    assert (outcome.outcome, attempt.outcome, attempt.status, attempt.tokens) == ("ok", "ok", 200, 2)
    assert attempt.headers_s >= 0.05
    assert attempt.first_byte_s >= 0.05
    assert attempt.first_content_s >= 0.1
    assert attempt.end_s >= 0.15


REFUSAL = b'{"error": {"message": "too large", "code": "too_large"}}'
TOO_LARGE = b"HTTP/1.1 413 Payload Too Large\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


def test_a_refusal_before_the_request_is_read_is_heard():
    """The rest of it is not written, and the connection serves no more."""

    async def answer(writer: asyncio.StreamWriter, line: bytes, number: int) -> None:
        writer.write(TOO_LARGE % len(REFUSAL) + REFUSAL)
        await asyncio.Event().wait()

    outcome = played(answer, "asyncio", prompt="x" * 8_000_000)
    (attempt,) = outcome.attempts
    assert (outcome.outcome, outcome.error) == ("status_error", "APIStatusError")
    assert (attempt.outcome, attempt.status, attempt.written_s) == ("status_error", 413, None)


def test_a_refusal_counts_though_the_connection_breaks():
    """It was there before; what is missing of it is told to whoever reads on."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        connection, recording = Connection(), Recording(1, loop.time())
        connection.connection_made(Mock(**{"get_write_buffer_size.return_value": 1, "is_closing.return_value": False}))
        exchange = Exchange(None, recording, loop.time, Turns())
        sending = asyncio.create_task(connection.send(b"a large request", exchange, write_s=None))
        await asyncio.sleep(0)
        connection.data_received(TOO_LARGE % len(REFUSAL) + REFUSAL[:5])
        connection.connection_lost(ConnectionResetError("reset"))
        await sending
        await exchange.wait_for_head()
        assert await exchange.part() == REFUSAL[:5]
        with pytest.raises(httpx2.ReadError):
            await exchange.part()
        assert (exchange.status, recording.outcome, recording.status) == (413, "stream_error", 413)

    asyncio.run(main())


def test_a_pool_that_is_closed_keeps_no_connection():
    """Those whose answers are read later are closed with them."""

    async def main() -> None:
        pool = Pool(httpx2.Limits(max_connections=None), httpx2.create_ssl_context(), reuse=True)
        connection = Connection()
        transport = Mock(**{"is_closing.return_value": False})
        connection.connection_made(transport)
        connection.reusable = True
        pool.close()
        pool.give_back(("http", "127.0.0.1", 80), connection)
        transport.abort.assert_called_once()

    asyncio.run(main())


def test_an_attempt_that_is_given_up_leaves_no_timer():
    """That of its silence, which would hold all of it for as long."""

    async def main() -> set[str]:
        loop = asyncio.get_running_loop()
        reached = loop.create_future()
        server = await asyncio.start_server(lambda _, writer: reached.set_result(writer), "127.0.0.1", 0)
        transport = AsyncioTransport(httpx2.Limits(max_connections=None), httpx2.create_ssl_context())
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        request = httpx2.Request("POST", url, extensions={"timeout": {"read": 600.0}})
        asking = asyncio.create_task(transport.handle_async_request(request))
        writer = await reached
        await asyncio.sleep(0.05)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        left = {timer for timer in loop._scheduled if not timer.cancelled() and timer.when() > loop.time() + 300}
        await transport.aclose()
        writer.close()
        await writer.wait_closed()
        server.close()
        return left

    assert asyncio.run(main()) == set()


def test_a_host_beyond_ascii_is_the_one_that_httpx2_asks():
    """Older rules would make another name of it."""
    assert _origin(httpx2.URL("https://fa\xdf.example/v1")) == ("https", "xn--fa-hia.example", 443)
    assert _origin(httpx2.URL("http://[::1]:8000/v1")) == ("http", "::1", 8000)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    "nonsense",
    [
        HEAD + framed(b"data: null\n\n") + framed(GOOD) + b"0\r\n\r\n",
        HEAD + framed(b'data: {"choices": "x"}\n\n') + framed(GOOD) + b"0\r\n\r\n",
        HEAD + framed(b"data: {oops\n\n") + framed(GOOD) + b"0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno header at all\r\n\r\n",
        b"this is not HTTP\r\n\r\n",
        HEAD + b"zz\r\n",
    ],
    ids=["null", "choices are text", "no JSON", "a broken header", "no HTTP", "a broken chunk"],
)
def test_nonsense_is_asked_for_again(nonsense, transport):
    """It is the server's, not a mistake in the call."""
    outcome = played(saying(nonsense, WHOLE), transport, AGAIN)
    assert (outcome.outcome, len(outcome.attempts)) == ("ok", 2)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("answer", "readers"),
    [
        (with_length(GOOD, STREAM + b"content-length: %d\r\n" % len(GOOD)), {"httpx2"}),
        (HEAD.replace(b"\r\n\r\n", b"\r\ncontent-length: 5\r\n\r\n") + WHOLE.removeprefix(HEAD), {"httpx2"}),
        (
            with_length(b"", STREAM).replace(b"length: 0", b"length: %d" % len(GOOD)).replace(b"\r", b"") + GOOD,
            {"httpx2", "aiohttp"},
        ),
        (with_length(GOOD, STREAM + b"x-large: " + b"a" * 20_000 + b"\r\n"), {"httpx2", "asyncio"}),
    ],
    ids=["two lengths", "a length beside chunks", "lines of the head end in LF", "a large head"],
)
def test_what_is_against_the_rules_is_not_read_by_all(answer, readers, transport):
    """As the guide to strategies says, so that nobody takes it for the server's doing."""
    outcome = played(saying(answer), transport)
    assert outcome.ok == (transport in readers)
    assert outcome.attempts[0].outcome == ("ok" if transport in readers else "connection_error")


@pytest.mark.parametrize("transport", ["httpx2", "asyncio"])
def test_another_protocol_is_no_answer(transport, caplog):
    """And no error of the loop's."""
    switch = b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"
    outcome = played(saying(switch), transport)
    assert [attempt.outcome for attempt in outcome.attempts] == ["connection_error"]
    assert caplog.records == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_halves_of_characters_can_be_kept(transport):
    """The same text is on disk, in tables and where a replay compares it with its record."""
    outcome = played(saying(with_length(chunk("a", "half \ud83d") + b"data: [DONE]\n\n")), transport)
    assert (outcome.outcome, outcome.finish_reason) == ("ok", "half ?")
    assert Outcome.from_dict(json.loads(outcome.to_json().encode())) == outcome


@pytest.mark.parametrize("finish", [1, True, ["stop"], {"type": "stop"}])
@pytest.mark.parametrize("streamed", [True, False])
def test_reasons_that_are_no_text_are_none(finish, streamed):
    """A record holds texts, and so do the tables."""
    plain = {"choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": finish}]}
    plain["usage"] = {"completion_tokens": 2**70}
    said = json.dumps(plain).encode()
    answer = with_length(chunk("a", finish) + b"data: [DONE]\n\n")
    if not streamed:
        answer = with_length(said, b"content-type: application/json\r\n")
    outcome = played(saying(answer), "httpx2", Sdk(name="s", timeout=20, stream=streamed, max_retries=0))
    assert (outcome.outcome, outcome.finish_reason, outcome.tokens < 2) == ("ok", None, True)
    assert Outcome.from_dict(json.loads(outcome.to_json())) == outcome
