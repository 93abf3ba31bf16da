"""Every HTTP attempt that the SDK makes is on record, with its instants and its end."""

import asyncio
import contextlib
from itertools import pairwise

import httpx2
import openai
import pytest

from harness import clock
from harness.mock.app import MockApp
from harness.openai_adapter import DirectTransport, Endpoint, Trace, current_trace, open_client
from harness.openai_adapter.trace import Recording
from harness.profiles import Profile
from tests.adapter.conftest import ARGUMENTS, DONE, FINISH, HELLO, ROLE, event, record, server
from tests.apps import Asgi


def test_the_instants_of_an_attempt():
    """Send, headers, first and last content, end, each to the nanosecond; the role is not content."""
    app = server(1.0, 200, ROLE, 0.5, HELLO, 0.25, HELLO, 0.125, FINISH, DONE, None)
    (attempt,) = record(app)
    instants = (attempt.send_s, attempt.headers_s, attempt.first_content_s, attempt.last_content_s, attempt.end_s)
    assert instants == (0.0, 1.0, 1.5, 1.75, 1.875)
    assert (attempt.outcome, attempt.status, attempt.kind) == ("ok", 200, "first")
    assert attempt.bytes == len(ROLE + HELLO + HELLO + FINISH + DONE)


@pytest.mark.parametrize(
    ("steps", "outcome", "end_s"),
    [
        ((1.0, 200, HELLO, FINISH, DONE, None), "ok", 1.0),
        ((1.0, 200, HELLO, FINISH, None), "ok", 1.0),
        ((1.0, 200, HELLO, DONE, None), "ok", 1.0),
        ((6.0, 200, HELLO, FINISH, DONE, None), "timeout", 5.0),
        ((1.0, 200, 6.0, HELLO, None), "timeout", 6.0),
        ((1.0, 200, HELLO, 6.0, HELLO, None), "timeout", 6.0),
        ((1.0, 200, HELLO, None), "truncated", 1.0),
        ((1.0, 200, HELLO, RuntimeError("reset")), "stream_error", 1.0),
        ((1.0, 200, b'data: {"error": {"message": "overloaded"}}\n\n', None), "stream_error", 1.0),
        ((1.0, 200, b'data: {"error": "overloaded"}\n\n', None), "stream_error", 1.0),
        ((1.0, 200, HELLO, event({}, "error", error={"message": "overloaded"}), None), "stream_error", 1.0),
        ((1.0, 200, event({"content": "x"}, error=None), FINISH, DONE, None), "ok", 1.0),
        ((1.0, 200, event({"content": 'see "error": {"x": 1}'}), FINISH, DONE, None), "ok", 1.0),
        ((1.0, RuntimeError("reset")), "connection_error", 1.0),
        ((1.0, 429, b'{"error": {"message": "slow down"}}', None), "status_error", 1.0),
        ((1.0, 400, b"{}", None), "status_error", 1.0),
    ],
)
def test_how_an_attempt_can_end(steps, outcome, end_s):
    """Each way of ending has its word."""
    (attempt,) = record(server(*steps))
    assert (attempt.outcome, attempt.end_s) == (outcome, end_s)


def test_a_plain_answer_comes_all_at_once():
    """Without streaming the first content is the last, when the body is complete."""
    body = b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[]}'

    async def app(scope, receive, send):
        await receive()
        await asyncio.sleep(2)
        headers = [(b"content-type", b"application/json"), (b"x-request-id", b"req_7")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await asyncio.sleep(1)
        await send({"type": "http.response.body", "body": body})

    (attempt,) = record(app, stream=False)
    assert (attempt.headers_s, attempt.first_content_s, attempt.end_s) == (2.0, 3.0, 3.0)
    assert (attempt.outcome, attempt.request_id) == ("ok", "req_7")


def test_the_sdks_retries_are_attempts():
    """Two retries of a silent server: three attempts, numbered, with the back-off between them."""
    attempts = record(server(3600.0, 200, None), max_retries=2)
    assert [(a.attempt, a.kind, a.outcome) for a in attempts] == [
        (1, "first", "timeout"), (2, "retry", "timeout"), (3, "retry", "timeout"),
    ]  # fmt: skip
    waits = [later.send_s - earlier.end_s for earlier, later in pairwise(attempts)]
    assert 0.375 <= waits[0] <= 0.5
    assert 0.75 <= waits[1] <= 1.0


def test_the_back_off_depends_on_seed_and_request_only():
    """Not on what the process drew before, nor does it change what the process draws after."""
    import random

    def waits(**endpoint) -> list[float]:
        attempts = record(server(3600.0, 200, None), max_retries=2, **endpoint)
        return [later.send_s - earlier.end_s for earlier, later in pairwise(attempts)]

    random.seed(1)
    first = waits(seed=7)
    random.seed(2)
    expected = random.Random(2).random()
    assert waits(seed=7) == first
    assert random.random() == expected
    assert waits(seed=8) != first


def test_the_back_off_is_scaled_with_the_times():
    """time_scale=0.5 halves it."""
    whole = record(server(3600.0, 200, None), max_retries=1)
    half = record(server(3600.0, 200, None), max_retries=1, time_scale=0.5)
    assert half[1].send_s - half[0].end_s == pytest.approx((whole[1].send_s - whole[0].end_s) / 2)


def test_a_cancelled_attempt_is_recorded_and_the_server_is_told():
    """Giving up closes the connection, which the application sees."""
    seen = []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        seen.append((await receive())["type"])
        seen.append(asyncio.get_running_loop().time())

    async def main():
        trace = Trace("r")
        current_trace.set(trace)
        async with open_client(
            Endpoint("http://mock/v1", "k", "m", is_mock=True, app=Asgi(app)), max_retries=0
        ) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3):
                    await client.chat.completions.create(**ARGUMENTS)
        return trace.attempts(0.0, 99.0)

    (attempt,) = clock.run(main, clock="virtual")
    assert (attempt.outcome, attempt.end_s) == ("cancelled", 3.0)
    assert seen == ["http.disconnect", 3.0]


@pytest.mark.parametrize("cut", range(1, len(HELLO)))
def test_content_is_found_wherever_the_bytes_are_cut(cut):
    """A chunk of TCP may end anywhere, also inside the word "content"."""
    recording = Recording(1, 0.0)
    recording.answered(httpx2.Response(200, headers={"content-type": "text/event-stream"}), 1.0)
    recording.received(HELLO[:cut], 2.0)
    recording.received(HELLO[cut:], 3.0)
    assert recording.first_content == (2.0 if cut >= len(HELLO) - 1 else 3.0)


@pytest.mark.parametrize(
    "silence",
    [b": ping\n\n", b"\n", ROLE, event({"content": None}), event({}), event({"role": "assistant", "name": "x"}),
     event(choices=[], usage={"total_tokens": 1})],
)  # fmt: skip
def test_what_a_reader_would_not_see_is_no_content(silence):
    """Comments, empty deltas, roles and usage satisfy no timer of first content."""
    (attempt,) = record(server(1.0, 200, silence, 2.0, HELLO, FINISH, DONE, None))
    assert attempt.first_content_s == 3.0


@pytest.mark.parametrize("delta", [{"refusal": "no"}, {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}])
def test_refusals_and_arguments_are_content(delta):
    """They are what the caller waits for."""
    (attempt,) = record(server(1.0, 200, event(delta), 2.0, HELLO, FINISH, DONE, None))
    assert attempt.first_content_s == 1.0


def test_text_about_json_is_no_finish():
    """An answer that quotes the protocol does not end itself."""
    quoted = event({"content": 'it sends "finish_reason": "stop" at the end'})
    (attempt,) = record(server(1.0, 200, quoted, None))
    assert attempt.outcome == "truncated"


def test_no_key_is_ever_recorded():
    """Not in an attempt, nor in what an endpoint shows of itself."""
    attempts = record(server(1.0, RuntimeError("reset")))
    assert "secret-key" not in repr(attempts)
    assert "secret-key" not in repr(Endpoint("http://x/v1", "secret-key", "m", is_mock=True))


def test_only_the_mock_is_told_which_request_it_answers():
    """No header of ours goes to a real API."""
    names = {}

    def capturing(kind):
        def handler(request: httpx2.Request) -> httpx2.Response:
            names[kind] = {name for name in request.headers if name.startswith("x-harness")}
            return httpx2.Response(200, json={"choices": []})

        return handler

    async def main():
        for kind, is_mock in (("mock", True), ("api", False)):
            current_trace.set(Trace("17"))
            async with open_client(Endpoint("http://x/v1", "k", "m", is_mock=is_mock), max_retries=0) as client:
                client._client._transport = httpx2.MockTransport(capturing(kind))
                client._client._mounts = {}
                await client.chat.completions.create(**ARGUMENTS)

    clock.run(main, clock="virtual")
    assert names == {"mock": {"x-harness-request", "x-harness-scope", "x-harness-seed"}, "api": set()}


def test_a_real_api_is_sent_what_the_sdk_sends(monkeypatch):
    """The same headers, organization of the environment included; the mock is not told of that."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    seen = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append({name: value for name, value in request.headers.items() if not name.startswith("x-harness")})
        return httpx2.Response(200, json={"choices": []})

    async def main():
        transport = httpx2.MockTransport(handler)
        async with openai.AsyncOpenAI(
            api_key="k", base_url="http://x/v1", http_client=httpx2.AsyncClient(transport=transport)
        ) as plain:
            await plain.chat.completions.create(**ARGUMENTS)
        for is_mock in (False, True):
            async with open_client(Endpoint("http://x/v1", "k", "m", is_mock=is_mock), max_retries=2) as client:
                client._client._transport = transport
                client._client._mounts = {}
                await client.chat.completions.create(**ARGUMENTS)

    clock.run(main, clock="virtual")
    plain, real, mock = seen
    # How many encodings the SDK offers depends on what is installed beside it; the recorder reads these two.
    plain["accept-encoding"] = "gzip, deflate"
    assert plain["openai-organization"] == "org-1"
    assert real == plain
    assert mock == {name: value for name, value in plain.items() if name != "openai-organization"}


def test_a_proxy_of_the_environment_never_catches_the_mock(monkeypatch):
    """It does serve a real API, as with the SDK's own client."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")

    async def main():
        mounts = []
        for is_mock in (True, False):
            async with open_client(Endpoint("http://x/v1", "k", "m", is_mock=is_mock), max_retries=0) as client:
                mounts.append(bool(client._client._mounts))
        return mounts

    assert clock.run(main, clock="virtual") == [False, True]


def test_the_direct_transport_leaves_nothing_behind():
    """Answered, timed out, broken off: after closing no task and no timer of it is left."""

    async def main():
        loop = asyncio.get_running_loop()
        for fault in (None, "hang_before_headers", "drop_before_headers", "mid_stream_stall", "connect_blackhole"):
            faults = [{"kind": fault, "probability": 1}] if fault else []
            app = MockApp(Profile.from_dict({"name": "p", "headers": 1.0, "between_tokens": 9.0, "faults": faults}))
            async with httpx2.AsyncClient(transport=DirectTransport(app), timeout=5) as client:
                with contextlib.suppress(httpx2.TransportError):
                    await client.post("http://mock/v1/chat/completions", json=ARGUMENTS | {"max_tokens": 2})
        return asyncio.all_tasks() - {asyncio.current_task()}, [h for h in loop._scheduled if not h.cancelled()]

    assert clock.run(main, clock="virtual") == (set(), [])


def test_closing_takes_no_time():
    """An application that sleeps on after its client has gone does not hold it up."""

    async def main():
        async with httpx2.AsyncClient(transport=DirectTransport(Asgi(server(99.0, 200, None))), timeout=5) as client:
            with contextlib.suppress(httpx2.ReadTimeout):
                await client.get("http://mock/")
        return asyncio.get_running_loop().time()

    assert clock.run(main, clock="virtual") == 5.0
