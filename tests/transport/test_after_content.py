"""Once an answer has content it cannot be restarted: timers only end it."""

import asyncio
import random

import openai
import pytest

from harness.strategies.hedges import Hedge
from harness.strategies.restarts import Restart
from tests.adapter.conftest import DONE, FINISH, HELLO, ROLE, server
from tests.transport.conftest import ASK, failing, play, steps, text

PING = b": ping\n\n"


def test_an_undisturbed_stream_is_the_servers():
    """Byte for byte, at the server's pace."""

    async def scene(client):
        clock = asyncio.get_running_loop().time
        stream = await client.chat.completions.create(**ASK, stream=True)
        return [clock() async for chunk in stream if chunk.choices[0].delta.content]

    assert play(scene, steps()).result == [2.0, 2.5, 3.0, 3.5]


def test_a_stall_amid_the_answer_is_a_timeout():
    """After idle_timeout, raised from the iterator as the SDK's APITimeoutError; nothing is restarted."""
    app = failing("mid_stream_stall", tokens=2)
    got: list[str] = []

    async def scene(client):
        with pytest.raises(openai.APITimeoutError) as failure:
            await text(client, got)
        return str(failure.value.__cause__)

    played = play(scene, app, Restart("s", timeout=3.0, idle_timeout=5.0))
    assert (played.result, played.seconds) == ("no content for 5 s", 5.0)
    assert (len(got), app.log.arrived) == (2, 1)
    assert (len(played.connections), played.tasks) == (0, set())


def test_pings_do_not_count_as_content():
    """A server that keeps the line warm is idle all the same."""
    app = server(200, HELLO, *([2.0, PING] * 10), HELLO, FINISH, DONE, None)
    with pytest.raises(openai.APITimeoutError):
        play(text, app, Restart("s", timeout=3.0, idle_timeout=5.0))


@pytest.mark.parametrize(
    ("limits", "seconds", "why"),
    [
        ({"attempt_timeout": 10.0}, 10.0, "not done within 10 s"),
        ({"attempt_timeout": 10.0, "total_timeout": 12.0, "max_retries": 1}, 12.0, "no answer within 12 s in all"),
    ],
)
def test_a_drip_ends_at_the_limits_of_the_whole(limits, seconds, why):
    """Tokens that come just fast enough are no reason to wait for ever; the total counts from the first attempt."""
    drip = server(200, *([HELLO, 2.0] * 100), None)
    hang = server(99.0, None)
    apps = iter([hang, drip] if "total_timeout" in limits else [drip])

    async def app(scope, receive, send):
        await next(apps)(scope, receive, send)

    async def scene(client):
        with pytest.raises(openai.APITimeoutError) as failure:
            await text(client)
        return str(failure.value.__cause__)

    played = play(scene, app, Restart("s", timeout=5.0, idle_timeout=3.0, **limits))
    assert (played.result, played.seconds) == (why, seconds)


def test_a_slow_reader_is_not_a_slow_server():
    """Time in which the caller does not read counts for no timer."""

    async def scene(client):
        pieces = 0
        async for _ in await client.chat.completions.create(**ASK, stream=True):
            pieces += 1
            await asyncio.sleep(30)
        return pieces

    app = server(200, HELLO, 1.0, HELLO, 1.0, HELLO, 1.0, FINISH, DONE, None)
    strategy = Restart("s", timeout=3.0, idle_timeout=5.0, attempt_timeout=10.0, total_timeout=20.0)
    assert play(scene, app, strategy).result == 4


@pytest.mark.parametrize("kind", ["finish_then_hang", "post_done_linger"])
def test_an_answer_that_is_complete_ends(kind):
    """After the grace, as if its end had come; the connection is closed. After [DONE] the SDK itself waits 0.1 s."""
    app = failing(kind)
    played = play(text, app, Restart("s", grace_s=0.05))
    assert (len(played.result.split()), played.seconds, app.log.arrived) == (3, 0.05, 1)
    assert len(played.connections) == 0


def test_usage_that_comes_within_the_grace_is_not_lost():
    """The finish reason is not the last that a server says."""

    async def scene(client):
        options = {"include_usage": True}
        chunks = [
            chunk async for chunk in await client.chat.completions.create(**ASK, stream=True, stream_options=options)
        ]
        return chunks[-1].usage.completion_tokens

    assert play(scene, steps(end=0.4)).result == 4


def test_several_choices_are_complete_when_all_are():
    """The first finish reason of two does not end the answer."""

    async def scene(client):
        found = {0: 0, 1: 0}
        async for chunk in await client.chat.completions.create(**ASK, stream=True, n=2):
            for choice in chunk.choices:
                found[choice.index] += bool(choice.delta.content)
        return found

    assert play(scene, steps(), Restart("s", grace_s=0.0)).result == {0: 4, 1: 4}


def test_a_truncated_answer_is_an_error():
    """The SDK alone takes a part for the whole."""
    with pytest.raises(openai.APIConnectionError) as failure:
        play(text, server(200, ROLE, HELLO, None))
    assert "the stream ended without a finish reason" in str(failure.value.__cause__)


def test_a_caller_who_closes_early_frees_the_connection():
    """The server sees that he has gone."""

    async def scene(client):
        stream = await client.chat.completions.create(**ASK, stream=True)
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        await stream.close()

    app = steps()
    played = play(scene, app)
    assert [line["disconnected_s"] for line in app.log] == [2.0]
    assert (len(played.connections), played.tasks) == (0, set())


def test_a_connection_is_used_again():
    """After an answer that was read to its end."""

    async def scene(client):
        for _ in range(3):
            await text(client)

    app = steps()
    play(scene, app)
    assert [line["connection_served"] for line in app.log] == [0, 1, 2]


@pytest.mark.parametrize("seed", range(3))
def test_cancelling_leaves_nothing_behind(seed):
    """300 requests cancelled at random: no task, no open connection."""
    draw = random.Random(seed)

    async def scene(client):
        async def one(number):
            async with asyncio.timeout(draw.choice([draw.uniform(0, 6), 0.5, 1.0, 1.5, 2.0, 2.5])):
                return await text(client, extra_headers={"X-Harness-Request": str(number)})

        return await asyncio.gather(*(one(number) for number in range(300)), return_exceptions=True)

    app = failing("stall", probability=0.3, duration=4.0, first_attempts=None)
    app.profile = steps(faults=[{"kind": "stall", "probability": 0.3, "duration": 4.0}]).profile
    played = play(scene, app, Hedge("s", delay=0.5, max_hedges=2, timeout=5.0))
    outcomes = {type(outcome) for outcome in played.result}
    assert {str, TimeoutError} == outcomes
    assert app.log.arrived > 400
    assert (len(played.connections), played.tasks) == (0, set())
