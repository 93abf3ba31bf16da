"""HTTP as clients, and those that are none, send it: never an exception in the server, always OpenAI's error shape."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import clock
from harness.mock.app import MockApp
from harness.mock.http import REQUEST_LIMIT_S
from harness.mock.listener import serving
from harness.profiles import Profile

T = TypeVar("T")
CHAT = b"/v1/chat/completions"
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def play(scene: Callable[[Callable[[], Awaitable[Streams]]], Awaitable[T]], **profile: Any) -> T:
    """A scene with raw connections to a served mock, in virtual time. Fails when a callback of the server raised."""
    app = MockApp(Profile.from_dict({"name": "p", **profile}))
    raised: list[Any] = []

    async def main() -> T:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
        async with serving(app) as port:
            return await scene(lambda: asyncio.open_connection("127.0.0.1", port))

    result = clock.run(main, clock="virtual")
    assert raised == []
    return result


def post(body: bytes, path: bytes = CHAT, *headers: bytes) -> bytes:
    lines = [b"POST %b HTTP/1.1" % path, b"host: m", b"content-length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def parsed(answer: bytes) -> list[tuple[int, Any]]:
    """Status and JSON of every response in some bytes with a Content-Length."""
    found = []
    while answer:
        head, _, rest = answer.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if head == b"HTTP/1.1 100 Continue":
            found.append((100, None))
            answer = rest
            continue
        length = int(fields[b"content-length"])
        found.append((int(head.split()[1]), json.loads(rest[:length] or b"null")))
        answer = rest[length:]
    return found


def ask(*parts: bytes, wait: float = 0.0, **profile: Any) -> list[tuple[int, Any]]:
    """What comes back for bytes that are sent part by part, until the server closes or a second passes in silence."""

    async def scene(connect: Callable[[], Awaitable[Streams]]) -> bytes:
        reader, writer = await connect()
        for part in parts:
            writer.write(part)
            await asyncio.sleep(wait)
        answer = b""
        try:
            while True:
                async with asyncio.timeout(REQUEST_LIMIT_S + 2):
                    received = await reader.read(65536)
                answer += received
                if not received:
                    return answer
        except TimeoutError:
            return answer
        finally:
            writer.close()

    return parsed(play(scene, **profile))


GOOD = post(json.dumps(ASK).encode())
CHUNKED = b"POST %b HTTP/1.1\r\nhost: m\r\ntransfer-encoding: chunked\r\n\r\n" % CHAT


def test_several_requests_come_in_one_piece():
    """Pipelined: all are answered, in order, also when the first takes its time."""
    asked = b"".join(post(json.dumps(ASK | {"max_tokens": n}).encode()) for n in (3, 1, 2))
    for profile in ({}, {"headers": 2.0}):
        answers = ask(asked, **profile)
        assert [body["usage"]["completion_tokens"] for _, body in answers] == [3, 1, 2]


@pytest.mark.parametrize("size", [1, 2, 7, 50])
def test_a_request_comes_in_pieces(size):
    """However it is cut."""
    pieces = [GOOD[i : i + size] for i in range(0, len(GOOD), size)]
    assert [status for status, _ in ask(*pieces, wait=0.01)] == [200]


def test_a_client_may_ask_for_leave_to_send_its_body():
    """As curl does for large ones: 100, then the answer."""
    head, body = post(json.dumps(ASK).encode(), CHAT, b"expect: 100-continue").split(b"\r\n\r\n")
    assert [status for status, _ in ask(head + b"\r\n\r\n", body, wait=0.5)] == [100, 200]


def test_an_offer_of_another_protocol_is_not_taken():
    """`Upgrade: h2c`, which some clients send with every request: the answer comes in HTTP/1.1, body and all."""
    offer = post(json.dumps(ASK).encode(), CHAT, b"connection: upgrade, http2-settings", b"upgrade: h2c")
    for parts in ([offer], [offer[:-20], offer[-20:]]):
        assert [status for status, _ in ask(*parts, wait=0.1)] == [200]


def test_a_chunked_body_is_read():
    """Some clients do not know the length of what they send."""
    body = json.dumps(ASK).encode()
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    assert [status for status, _ in ask(CHUNKED, chunked)] == [200]
    trailed = chunked[:-2] + b"x-checksum: 7\r\n\r\n"
    assert [status for status, _ in ask(CHUNKED, trailed)] == [200]


def test_the_old_protocol_gets_no_chunks():
    """HTTP/1.0: a stream ends with its connection."""

    async def scene(connect: Callable[[], Awaitable[Streams]]) -> bytes:
        reader, writer = await connect()
        writer.write(post(json.dumps(ASK | {"stream": True}).encode()).replace(b"HTTP/1.1", b"HTTP/1.0"))
        answer = await reader.read()
        writer.close()
        return answer

    head, _, body = play(scene).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert body.startswith(b"data: {")
    assert body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"\x16\x03\x01\x02\x00 no HTTP\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "bad_request"),
        (b"POST %b HTTP/1.1\r\ncontent-length: x\r\n\r\n" % CHAT, 400, "bad_request"),
        (b"GET /health HTTP/1.1\r\n" + b"x-filler: " + b"y" * 70_000, 431, "headers_too_large"),
        (b"GET /health HTTP/1.1\r\n" + b"x-filler: " + b"y" * 70_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET /health HTTP/1.1\r\n" + b"x: yyyyyyyy\r\n" * 9_000 + b"\r\n", 431, "headers_too_large"),
        (b"GET /%b HTTP/1.1\r\n\r\n" % (b"y" * 70_000), 431, "headers_too_large"),
        (CHUNKED + b"0\r\n" + b"x: yyyyyyyy\r\n" * 9_000 + b"\r\n", 431, "headers_too_large"),
        (post(b" " * (16 * 2**20 + 1)), 413, "request_too_large"),
        (post(b"{" * 1000), 400, None),
        (post(b"[" * 200_000), 400, None),
        (post(b"{}", b"/v1/nowhere"), 404, "unknown_url"),
        (b"DELETE %b HTTP/1.1\r\nhost: m\r\n\r\n" % CHAT, 405, "method_not_supported"),
    ],
)
def test_what_cannot_be_answered_gets_openais_error(sent, status, code):
    """Status, message and code; and the next connection is served."""
    ((found, body),) = ask(sent)
    assert found == status
    assert body["error"]["message"]
    assert body["error"]["code"] == code


def test_a_trailer_without_end_is_given_up(monkeypatch):
    """The parser would hold all of it."""
    monkeypatch.setattr("harness.mock.incoming.MOST_RECEIVED", 100_000)
    trailer = b"0\r\nx: " + b"y" * 70_000
    assert [status for status, _ in ask(CHUNKED + trailer, b"y" * 70_000, wait=0.1)] == [413]


def test_a_large_request_is_no_part_of_the_head_behind_it():
    """Pipelined requests come in one read; only their own heads count."""
    large = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 100_000}]}).encode()
    half = len(GOOD) // 2
    assert [status for status, _ in ask(post(large) + GOOD[:half], GOOD[half:], wait=0.1)] == [200, 200]


def test_head_is_answered_with_headers_alone():
    """What GET would say, without its body; the connection serves on."""

    async def scene(connect: Callable[[], Awaitable[Streams]]) -> bytes:
        reader, writer = await connect()
        writer.write(b"HEAD /health HTTP/1.1\r\nhost: m\r\n\r\n" * 2)
        writer.write(b"HEAD /_harness/log HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer

    heads = play(scene).split(b"\r\n\r\n")
    assert [head.split(b"\r\n")[0] for head in heads] == [b"HTTP/1.1 200 OK"] * 3 + [b""]
    assert b"content-length: " in heads[0]


def test_garbage_behind_a_request_closes_the_connection_after_its_answer():
    """What was asked before it is answered; what comes later would not be heard."""

    async def scene(connect: Callable[[], Awaitable[Streams]]) -> bytes:
        reader, writer = await connect()
        writer.write(GOOD + b"\x00 no HTTP\r\n\r\n")
        async with asyncio.timeout(30):
            answer = await reader.read()
        writer.close()
        return answer

    assert [status for status, _ in parsed(play(scene, headers=2.0))] == [200]


def test_a_slow_sender_is_given_up():
    """A request that is not whole after a minute is answered with 408; nobody else waits for it."""

    async def scene(connect: Callable[[], Awaitable[Streams]]) -> tuple[bytes, float, bytes]:
        slow, slow_writer = await connect()
        quick, quick_writer = await connect()
        slow_writer.write(GOOD[:30])
        quick_writer.write(GOOD)
        answered = await quick.readline()
        refused = await slow.readline()
        quick_writer.close()
        slow_writer.close()
        return refused, asyncio.get_running_loop().time(), answered

    refused, when, answered = play(scene)
    assert (refused[:12], when, answered[:12]) == (b"HTTP/1.1 408", REQUEST_LIMIT_S, b"HTTP/1.1 200")


def test_a_client_may_leave_at_any_moment():
    """Wherever a request or its answer is broken off, nothing is left in flight."""
    app = MockApp(Profile.from_dict({"name": "p", "headers": 1.0, "between_tokens": 1.0, "output_tokens": 3}))

    async def main() -> int:
        async with serving(app) as port:
            for cut in range(0, len(GOOD) + 1, 7):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(GOOD[:cut] if cut < len(GOOD) - 7 else GOOD)
                await asyncio.sleep(cut % 5)
                writer.transport.abort()
            await asyncio.sleep(1)
            return app.log.counts["in_flight"]

    assert clock.run(main, clock="virtual") == 0


Scalar = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
Json = st.recursive(
    Scalar, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
)
FIELDS = (
    *("model", "messages", "stream", "stream_options", "n", "max_tokens", "max_completion_tokens", "tools"),
    *("tool_choice", "parallel_tool_calls", "prompt", "input", "max_output_tokens", "dimensions", "encoding_format"),
)
PATHS = (b"/v1/chat/completions", b"/v1/completions", b"/v1/responses", b"/v1/embeddings", b"/_harness/profile")


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), Json, max_size=8), st.sampled_from(PATHS))
def test_fields_of_any_type_are_answered_or_refused(fields, path):
    """200, or 400 with a message; never 500, never an exception."""
    body = json.dumps({"model": "m", "messages": [{"role": "user"}], "prompt": "x", "input": "y"} | fields).encode()
    request = post(body, path).replace(b"POST", b"PUT" if path.startswith(b"/_") else b"POST", 1)
    statuses = _statuses(request)
    assert statuses in ([200], [400])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=200) | st.sampled_from([GOOD, GOOD[:-3], b"\r\n\r\n", b"GET "]), max_size=6))
def test_random_bytes_never_take_the_server_down(parts):
    """Whatever came before it on other connections, a good request is answered."""

    async def scene(connect: Callable[[], Awaitable[Streams]]) -> bytes:
        _, writer = await connect()
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0.01)
        reader, other = await connect()
        other.write(GOOD)
        answer = await reader.readline()
        writer.close()
        other.close()
        return answer

    assert play(scene).startswith(b"HTTP/1.1 200")


def _statuses(request: bytes) -> list[int]:
    """The statuses of the answer to one request, streamed or not."""

    async def scene(connect: Callable[[], Awaitable[Streams]]) -> bytes:
        reader, writer = await connect()
        writer.write(request.replace(b"host: m", b"host: m\r\nconnection: close"))
        answer = await reader.read()
        writer.close()
        return answer

    return [int(play(scene).split()[1])]
