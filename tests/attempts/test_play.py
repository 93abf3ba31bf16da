"""One request under a strategy: what it leaves on record."""

import asyncio
import logging

import pytest

from harness import clock
from harness.attempts import Play
from harness.openai_adapter import Endpoint, open_client
from harness.records import Outcome, Request
from harness.strategies import Sdk
from tests.adapter.conftest import DONE, FINISH, HELLO, ROLE, event, server
from tests.apps import Asgi

REQUEST = Request(17, ({"role": "user", "content": "hi"},))
PLACE = {"experiment": "e", "cell": "c", "trial": 2, "seed": 9, "batch": 4}
PATIENT = Sdk("s", timeout=5, stream=True, max_retries=0, tenacity_attempts=1)


def play(app, strategy: Sdk = PATIENT, *, limit: float | None = None, wait: float = 0) -> Outcome:
    async def main() -> Outcome:
        endpoint = Endpoint("http://mock/v1", "k", "m", is_mock=True, app=Asgi(app))
        await asyncio.sleep(wait)
        origin = asyncio.get_running_loop().time()
        async with open_client(endpoint, max_retries=strategy.max_retries) as client:
            one = Play(client, REQUEST, strategy, endpoint, origin=origin, **PLACE)
            try:
                async with asyncio.timeout(limit):
                    return await one.run()
            except TimeoutError:
                return one.unfinished()

    return clock.run(main, clock="virtual")


def test_an_answer_is_recorded():
    """Where it belongs, when it began and ended, and what came."""
    outcome = play(server(1.0, 200, ROLE, HELLO, HELLO, 0.5, FINISH, DONE, None))
    assert (outcome.experiment, outcome.cell, outcome.trial, outcome.seed, outcome.batch, outcome.request) == (
        "e", "c", 2, 9, 4, 17,
    )  # fmt: skip
    assert (outcome.outcome, outcome.start_s, outcome.end_s) == ("ok", 0.0, 1.5)
    assert (outcome.tokens, outcome.finish_reason, outcome.ttft_s) == (2, "stop", 1.0)


def test_instants_count_from_the_trials_start():
    """Not from the loop's, so that equal trials have equal records."""
    outcome = play(server(1.0, 200, HELLO, FINISH, DONE, None), wait=1000)
    assert (outcome.start_s, outcome.end_s, outcome.attempts[0].headers_s) == (0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((9.0, 200, None), "timeout"),
        ((1.0, 200, HELLO, None), "truncated"),
        ((1.0, 200, HELLO, RuntimeError("reset")), "stream_error"),
        ((1.0, RuntimeError("reset")), "connection_error"),
        ((1.0, 503, b"{}", None), "status_error"),
        ((1.0, 200, b"data: {oops\n\n", FINISH, None), "stream_error"),
    ],
)
def test_a_failure_is_data(steps, expected):
    """Nothing is raised; part of an answer is a failure."""
    outcome = play(server(*steps))
    assert outcome.outcome == expected
    assert not outcome.ok
    assert outcome.error


def test_retries_multiply():
    """Five SDK retries within each of three tenacity attempts: 18 HTTP attempts, numbered through."""
    outcome = play(server(1.0, 500, b"{}", None), Sdk("s", max_retries=5, tenacity_attempts=3))
    assert [attempt.attempt for attempt in outcome.attempts] == list(range(1, 19))
    assert {attempt.kind for attempt in outcome.attempts[1:]} == {"retry"}


def test_a_broken_stream_is_tried_again_by_tenacity_only():
    """The SDK retries nothing after the headers."""
    outcome = play(server(1.0, 200, HELLO, RuntimeError("x")), Sdk("s", stream=True, max_retries=5))
    assert len(outcome.attempts) == 3


def test_failed_attempts_are_logged(caplog):
    """Function, attempt number and outcome, at level INFO."""
    with caplog.at_level(logging.INFO, "harness"):
        play(server(1.0, 400, b"{}", None), Sdk("s", tenacity_attempts=2))
    assert [record.getMessage() for record in caplog.records] == [
        "_request: attempt 1 ended with BadRequestError",
        "_request: attempt 2 ended with BadRequestError",
    ]


def test_a_request_cut_by_a_limit_is_unfinished():
    """Its time is a lower bound, its attempts are kept."""
    outcome = play(server(1.0, 200, HELLO, *([1.0, HELLO] * 100)), limit=30)
    assert (outcome.outcome, outcome.end_s) == ("unfinished", 30.0)
    assert [attempt.outcome for attempt in outcome.attempts] == ["cancelled"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"choices": [null]}', "stream_error"),
        (b'{"choices": "x"}', "stream_error"),
        (b'{"choices": {"a": 1}}', "stream_error"),
        (b'{"choices": [{}]}', "stream_error"),
        (b'{"error": {"message": "x"}}', "stream_error"),
        (b"null", "stream_error"),
        (b"{oops", "stream_error"),
        (b'{"choices": [{"message": {"content": "x"}}], "usage": 5}', "ok"),
    ],
)
def test_an_answer_out_of_shape_is_data_too(body, expected):
    """Whatever JSON a gateway sends with status 200, the request ends with an outcome."""

    async def app(scope, receive, send):
        await receive()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    assert play(app, Sdk("s", tenacity_attempts=1)).outcome == expected


@pytest.mark.parametrize("usage", [{}, {"completion_tokens": None}, 5])
def test_tokens_are_counted_where_usage_does_not_say(usage):
    """By the chunks with content."""
    outcome = play(server(1.0, 200, HELLO, HELLO, FINISH, event(choices=[], usage=usage), DONE, None))
    assert (outcome.outcome, outcome.tokens) == ("ok", 2)


def test_tokens_are_what_usage_says():
    """A chunk may hold several."""
    outcome = play(server(1.0, 200, HELLO, FINISH, event(choices=[], usage={"completion_tokens": 7}), DONE, None))
    assert outcome.tokens == 7


def test_a_page_of_html_is_not_an_answer():
    """A proxy's page with status 200 is a failure."""

    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b"<html>sorry</html>"})

    outcome = play(app, Sdk("s", tenacity_attempts=1))
    assert (outcome.outcome, outcome.error) == ("stream_error", "the answer was not a chat completion")
