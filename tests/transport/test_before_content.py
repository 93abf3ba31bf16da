"""Until an answer has content, the strategy decides who answers."""

import gzip
import json

import openai
import pytest

from harness.strategies.hedges import Hedge
from harness.strategies.played import Backoff
from harness.strategies.restarts import Restart
from tests.adapter.conftest import DONE, FINISH, HELLO, ROLE, event, server
from tests.transport.conftest import ASK, NAMED, RESTART, InTurn, failing, plain, play, steps, text

AT_ONCE = Backoff(base_s=0.0)
GOOD = server(200, ROLE, HELLO, FINISH, DONE, None)


def status(code: int, body: object = None, *headers: tuple[bytes, bytes], after: float = 0.0):
    """An application that answers with an error."""
    return _json(code, {"error": {"message": f"error {code}"}} if body is None else body, *headers, after=after)


def _json(code, body, *headers, after=0.0):
    async def app(scope, receive, send):
        import asyncio

        await receive()
        await asyncio.sleep(after)
        said = body if isinstance(body, bytes) else json.dumps(body).encode()
        start = {"type": "http.response.start", "status": code}
        await send(start | {"headers": [(b"content-type", b"application/json"), *headers]})
        await send({"type": "http.response.body", "body": said})

    return app


@pytest.mark.parametrize(
    "kind", ["hang_before_headers", "headers_then_silence", "role_only_prelude", "keepalive_comments", "ping_events"]
)
def test_an_attempt_without_content_is_restarted(kind):
    """At the strategy's timeout, whatever came instead of content; the attempt's connection is closed."""
    app = failing(kind)
    played = play(text, app)
    assert (len(played.result.split()), played.seconds) == (3, 3.0)
    assert [line["disconnected_s"] for line in app.log] == [3.0, None]


@pytest.mark.parametrize(("verdict", "seconds"), [("refused", 0.0), ("unreachable", 2.0)])
def test_a_connection_that_fails_is_made_again(verdict, seconds):
    """At once when it is refused, after the strategy's connect_timeout when nobody answers."""
    played = play(text, steps(headers=0.0, first_content=0.0, between_tokens=0.0), verdicts=[verdict])
    assert (len(played.result.split()), played.seconds) == (4, seconds)


def test_a_stream_that_ends_before_any_content_is_tried_again():
    """A clean end is no answer."""
    app = InTurn(server(200, ROLE, None), server(200, ROLE, DONE, None), GOOD)
    assert play(text, app).result == "hello"
    assert len(app.asked) == 3


def test_a_stream_that_breaks_before_any_content_is_tried_again():
    """As is one that reports an error of the server."""
    error = b'data: {"error": {"message": "overloaded"}}\n\n'
    app = InTurn(server(200, ROLE, RuntimeError("reset")), server(200, error, None), GOOD)
    assert play(text, app).result == "hello"


def test_an_empty_answer_is_tried_again():
    """Unless it was cut short, which has its reason."""
    app = InTurn(server(200, ROLE, FINISH, DONE, None), server(200, ROLE, event(finish="length"), DONE, None), GOOD)
    assert play(text, app).result == ""
    assert len(app.asked) == 2


def test_the_copy_that_answers_first_wins():
    """A hedge after two seconds; the loser's connection is closed as soon as the winner has content."""
    app = failing("headers_then_silence")
    played = play(text, app, "hedge_2")
    assert (len(played.result.split()), played.seconds) == (3, 2.0)
    assert [(line["attempt"], line["disconnected_s"]) for line in app.log] == [(1, 2.0), (2, None)]
    assert (len(played.connections), played.tasks) == (0, set())


def test_a_good_answer_that_comes_meanwhile_wins():
    """The copy is cancelled then."""
    app = failing("stall", duration=3.0)
    played = play(text, app, Hedge("s", delay=2.5))
    assert played.seconds == 2.5
    late = failing("stall", duration=3.0, first_attempts=None)
    assert play(text, late, Hedge("s", delay=2.5)).seconds == 3.0
    assert sorted(line["disconnected_s"] is None for line in late.log) == [False, True]


def test_both_may_answer_in_the_same_instant():
    """One is taken, the other is closed."""
    app = steps(headers=0.0, first_content=0.0)
    played = play(text, app, Hedge("s", delay=0.0))
    assert (len(played.result.split()), app.log.arrived) == (4, 2)
    assert (len(played.connections), played.tasks) == (0, set())


def test_a_fast_refusal_does_not_win():
    """A 429 at once, and a good answer ten seconds later from its copy: the good one."""
    app = InTurn(status(429, after=3.0), server(8.0, 200, HELLO, FINISH, DONE, None))
    played = play(text, app, Hedge("s", delay=2.0, timeout=20.0))
    assert (played.result, played.seconds, len(app.asked)) == ("hello", 10.0, 2)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ((b"retry-after", b"7"), 7.0),
        ((b"retry-after-ms", b"1500"), 1.5),
        ((b"retry-after", b"Tue, 14 Nov 2023 22:13:29 GMT"), 9.0),
    ],
)
def test_retry_after_is_obeyed(header, seconds):
    """In seconds, milliseconds, or as a date."""
    strategy = Restart("s", backoff=Backoff(retry_after_jitter=0.0))
    assert play(text, InTurn(status(429, None, header), GOOD), strategy).seconds == seconds


@pytest.mark.parametrize("ask", [text, plain])
def test_the_last_error_reaches_the_caller(ask):
    """As the SDK's usual exception, with the server's own words."""
    app = InTurn(status(503), status(500, {"error": {"message": "the last one", "code": "c"}}))
    with pytest.raises(openai.InternalServerError, match="the last one") as failure:
        play(ask, app, Restart("s", max_retries=1, backoff=AT_ONCE))
    assert (failure.value.status_code, failure.value.code, len(app.asked)) == (500, "c", 2)


@pytest.mark.parametrize(
    ("code", "body"), [(400, None), (401, None), (429, {"error": {"message": "x", "code": "insufficient_quota"}})]
)
def test_what_will_not_change_is_not_tried_again(code, body):
    """An empty account stays empty, and a bad request bad."""
    app = InTurn(status(code, body))
    with pytest.raises(openai.APIStatusError) as failure:
        play(text, app)
    assert (failure.value.status_code, len(app.asked)) == (code, 1)


def test_the_total_deadline_is_a_timeout():
    """Over all attempts: the SDK's APITimeoutError."""
    app = failing("hang_before_headers", first_attempts=None)
    strategy = Restart("s", timeout=3.0, total_timeout=8.0, attempt_timeout=8.0, idle_timeout=8.0)
    with pytest.raises(openai.APITimeoutError) as failure:
        play(text, app, strategy)
    assert "no answer within 8 s in all" in str(failure.value.__cause__)
    assert app.log.arrived == 3


def test_a_timeout_after_an_error_is_a_timeout():
    """The error of an attempt before is not what the request failed of."""
    app = InTurn(status(500), server(99.0, None))
    with pytest.raises(openai.APITimeoutError):
        play(text, app, Restart("s", timeout=3.0, max_retries=1, backoff=AT_ONCE))


def test_a_connection_error_is_the_last_attempts():
    """As the SDK has it."""
    app = failing("drop_before_headers", first_attempts=None)
    with pytest.raises(openai.APIConnectionError) as failure:
        play(text, app, Restart("s", max_retries=2, backoff=AT_ONCE))
    assert (type(failure.value.__cause__).__name__, app.log.arrived) == ("ReadError", 3)


def test_an_error_in_all_streams_reaches_the_caller():
    """As the SDK's APIError, with the server's words."""
    with pytest.raises(openai.APIError, match="overloaded"):
        play(text, server(200, b'data: {"error": {"message": "overloaded"}}\n\n', 60.0, None), RESTART)


def test_nothing_but_truncated_streams_is_a_connection_error():
    """Rather than an answer without text."""
    with pytest.raises(openai.APIConnectionError) as failure:
        play(text, server(200, ROLE, None))
    assert "ended without a finish reason" in str(failure.value.__cause__)


def test_a_plain_answer_is_played_by_its_end():
    """Without streaming there is nothing to see before: the timeout limits the whole answer."""
    app = failing("hang_before_headers")
    played = play(plain, app, "hedge_2")
    assert (len(played.result.split()), played.seconds) == (3, 2.0)
    assert [line["disconnected_s"] for line in app.log] == [2.0, None]


@pytest.mark.parametrize("body", [b"<html>", {"choices": []}, {"choices": [{"message": {}, "finish_reason": "stop"}]}])
def test_a_plain_answer_that_is_none_is_tried_again(body):
    """HTML of a proxy, no choice, no text."""
    message = {"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}
    assert play(plain, InTurn(_json(200, body), _json(200, message))).result == "yes"


def test_nothing_but_pages_of_html_is_a_connection_error():
    """Rather than a string where the program expects a completion."""
    with pytest.raises(openai.APIConnectionError) as failure:
        play(plain, _json(200, b"<html>"))
    assert "the answer was not JSON" in str(failure.value.__cause__)


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate"])
def test_packed_streams_are_read(encoding):
    """Content is seen in them as it comes."""
    import zlib

    def packed(*parts):
        packer = zlib.compressobj(wbits=31 if encoding == b"gzip" else 15)
        return [packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH) for part in parts]

    def packing(*steps, parts):
        async def app(scope, receive, send):
            import asyncio

            await receive()
            headers = [(b"content-type", b"text/event-stream"), (b"content-encoding", encoding)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            for wait, part in zip(steps, packed(*parts), strict=True):
                await asyncio.sleep(wait)
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

        return app

    app = InTurn(packing(0.0, 99.0, parts=[ROLE, HELLO]), packing(0.0, 2.0, 9.0, parts=[ROLE, HELLO, FINISH + DONE]))
    played = play(text, app)
    assert (played.result, played.seconds) == ("hello", 14.0)
    assert app.asked[0][b"accept-encoding"] == b"gzip, deflate"


def test_packed_plain_answers_and_errors_are_read():
    """The reason for an error is in its body."""
    quota = gzip.compress(json.dumps({"error": {"message": "x", "code": "insufficient_quota"}}).encode())
    app = InTurn(status(429, quota, (b"content-encoding", b"gzip")))
    with pytest.raises(openai.RateLimitError, match="x"):
        play(plain, app)
    assert len(app.asked) == 1


def test_chunks_may_end_anywhere():
    """Content is content even if it comes byte by byte."""
    stream = ROLE + HELLO + FINISH + DONE
    assert play(text, server(200, *(stream[i : i + 1] for i in range(len(stream))), None)).result == "hello"


def test_each_attempt_is_the_same_request():
    """Same headers, same body; the key goes with it."""
    app = failing("hang_before_headers", first_attempts=2)
    played = play(text, app)
    assert len(played.result.split()) == 3
    assert {(line["request"], line["model"], line["stream"]) for line in app.log} == {
        (NAMED["X-Harness-Request"], "m", True)
    }


@pytest.mark.parametrize(
    ("kind", "ask"),
    [
        ("responses", lambda client, stream: client.responses.create(model="m", input="hi", stream=stream)),
        ("completions", lambda client, stream: client.completions.create(model="m", prompt="hi", stream=stream)),
        ("chat", lambda client, stream: client.chat.completions.create(**ASK, stream=stream)),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fault", ["hang_before_headers", "headers_then_silence"])
def test_all_three_routes_are_played(kind, ask, stream, fault):
    """Streamed and not."""

    async def scene(client):
        answer = await ask(client, stream)
        return len([piece async for piece in answer]) if stream else answer.model_dump_json().count('"')

    app = failing(fault)
    played = play(scene, app)
    assert (played.seconds, app.log.arrived) == (3.0, 2)
    assert played.result > 3


def test_a_retry_can_have_a_connection_of_its_own():
    """For strategies that say so: the pool's may be what is stuck."""
    app = failing("status_error", status=500)
    strategy = Restart("s", fresh_connection=True, backoff=AT_ONCE)

    async def scene(client):
        await plain(client, extra_headers={"X-Harness-Request": "warm"})
        return await plain(client)

    play(scene, app, strategy)
    served = [(line["request"], line["connection_served"]) for line in app.log]
    assert served == [("warm", 0), ("warm", 0), ("r", 1), ("r", 0)]
