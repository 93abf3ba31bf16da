"""The direct transport and the network in memory put the same attempts on record."""

import asyncio
import contextlib
import zlib
from dataclasses import replace

import openai
import pytest

from harness import clock
from harness.openai_adapter import Endpoint, Trace, current_trace, open_client
from tests.adapter.conftest import ARGUMENTS, DONE, FINISH, HEADERS, HELLO, ROLE, event, server
from tests.apps import Asgi, listening

URL = "http://127.0.0.1:8000/v1"


def play(app, *, direct: bool, key: str = "k", transport: str = "httpx2", models: bool = False):
    """What is on record of one streamed request, and when its client was closed."""

    async def ask(endpoint):
        trace = Trace("r")
        current_trace.set(trace)
        async with open_client(endpoint, max_retries=0, transport=transport, models=models) as client:
            with contextlib.suppress(openai.OpenAIError, ValueError):
                async with await client.chat.completions.create(**ARGUMENTS, stream=True, timeout=5) as answer:
                    async for _ in answer:
                        pass
        now = asyncio.get_running_loop().time()
        return trace.attempts(0.0, now), now

    async def main():
        if direct:
            return await ask(Endpoint(URL, key, "m", is_mock=True, app=Asgi(app)))
        async with listening(Asgi(app), 8000):
            return await ask(Endpoint(URL, key, "m", is_mock=True))

    return clock.run(main, clock="virtual")


def packed(coding: bytes, wbits: int):
    """A server that packs its stream, event by event."""

    async def app(scope, receive, send):
        await receive()
        packer = zlib.compressobj(wbits=wbits)
        headers = [*HEADERS, (b"content-encoding", coding)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for part in (ROLE, HELLO, FINISH, DONE):
            await asyncio.sleep(1)
            body = packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH)
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": packer.flush()})

    return app


SCENES = pytest.mark.parametrize(
    "steps",
    [
        (1.0, 200, ROLE, 0.5, HELLO, 0.25, HELLO, FINISH, DONE, None),
        (1.0, 200, HELLO, FINISH, 50.0, None),
        (1.0, 200, HELLO, FINISH, DONE, 3.0, None),
        (500.0, 200, None),
        (1.0, 200, 500.0, HELLO, None),
        (1.0, 429, b"{}", None),
        (1.0, 200, HELLO, None),
        (1.0, 200, event({}, "error", error={"message": "overloaded"}), None),
        (1.0, 200, HELLO, b"data: {not JSON}\n\n", 100.0, FINISH, DONE, None),
        (1.0, 200, HELLO, b"data: {cut off\n\n", 1.0, FINISH, DONE, None),
        (1.0, 200, HELLO, 0.5, HELLO, 4.5, HELLO, 4.5, HELLO, FINISH, DONE, None),
        (1.0, 200, HELLO, OSError("broken")),
        (1.0, OSError("broken")),
    ],
)


@SCENES
def test_both_paths_agree(steps):
    """On every instant and outcome, and on when the client is closed, also under a server that does not notice."""
    assert play(server(*steps), direct=True) == play(server(*steps), direct=False)


@SCENES
def test_the_harness_own_transport_agrees(steps):
    """With httpx2's over the same sockets in memory, although it stamps what comes in and reads it later."""
    (usual,), usual_end = play(server(*steps), direct=False)
    (stamped,), end = play(server(*steps), direct=False, transport="asyncio")
    assert stamped.first_byte_s is not None or stamped.status is None
    assert replace(stamped, admitted_s=None, connected_s=None, written_s=None, first_byte_s=None) == usual
    assert end == usual_end


@SCENES
def test_models_of_chunks_change_nothing(steps):
    """What the SDK builds for its callers' types takes time, and no more."""
    assert play(server(*steps), direct=True, models=True) == play(server(*steps), direct=True)


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize(("coding", "wbits"), [(b"gzip", 31), (b"deflate", 15)])
def test_a_packed_stream_is_read(coding, wbits, direct):
    """The content is found although the bytes on the wire do not show it."""
    (attempt,), _ = play(packed(coding, wbits), direct=direct)
    assert (attempt.outcome, attempt.first_content_s, attempt.last_content_s) == ("ok", 2.0, 2.0)


def test_a_stream_that_cannot_be_unpacked_breaks_nothing():
    """The recorder leaves the verdict to the SDK."""

    async def app(scope, receive, send):
        await receive()
        headers = [*HEADERS, (b"content-encoding", b"gzip")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"no gzip at all"})

    (attempt,), _ = play(app, direct=True)
    assert (attempt.status, attempt.bytes, attempt.first_content_s) == (200, 14, None)


def test_a_key_that_no_header_may_hold_is_not_recorded():
    """The transport quotes it in its error: a line break at the end of OPENAI_API_KEY is a common mistake."""
    (attempt,), _ = play(server(1.0, 200, None), direct=False, key="sk-secret\n")
    assert (attempt.outcome, attempt.error) == ("connection_error", "LocalProtocolError")
