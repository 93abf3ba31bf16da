"""What the HTTP client is, and what it leaves alone."""

import asyncio

import httpx2
import openai
import pytest

import harness
from harness import clock
from harness.errors import UserError
from harness.mock.app import MockApp
from harness.openai_adapter import DirectTransport
from harness.profiles import Profile
from harness.strategies import Sdk
from harness.strategies.hedges import Adaptive, Speculation
from harness.strategies.restarts import Restart
from harness.transport import StrategyTransport
from tests.adapter.conftest import DONE, FINISH, HELLO, server
from tests.transport.conftest import ASK, InTurn, failing, play, text


def test_other_requests_pass_through():
    """Models and embeddings: one attempt, the caller's own timeout."""

    async def scene(client):
        models = [model.id for model in (await client.models.list()).data]
        vectors = (await client.embeddings.create(model="m", input=["a"], dimensions=8)).data
        return len(models) > 0, len(vectors[0].embedding)

    assert play(scene, MockApp(Profile.from_dict({"name": "instant"}))).result == (True, 8)


def test_embeddings_are_not_restarted():
    """They have no content to wait for."""
    app = failing("hang_before_headers")

    async def scene(client):
        with pytest.raises(openai.APITimeoutError):
            await client.embeddings.create(model="m", input="a", timeout=7.0)

    assert play(scene, app).seconds == 7.0


def test_a_body_that_is_no_json_passes_through():
    """Whatever it is, the server may judge it."""
    app = InTurn(_echo)

    async def scene(client):
        url = f"{client.base_url}chat/completions"
        return (await client._client.post(url, content=b"oops")).status_code

    assert play(scene, app).result == 200


async def _echo(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def test_redirects_are_followed():
    """As the SDK's own client does."""

    async def app(scope, receive, send):
        await receive()
        if scope["path"].startswith("/v1"):
            await send(
                {"type": "http.response.start", "status": 307, "headers": [(b"location", b"/v2/chat/completions")]}
            )
            await send({"type": "http.response.body", "body": b""})
        else:
            await _echo_completion(send)

    async def scene(client):
        return (await client.chat.completions.create(**ASK)).choices[0].message.content

    assert play(scene, app).result == "moved"


async def _echo_completion(send):
    body = b'{"choices": [{"message": {"content": "moved"}, "finish_reason": "stop"}]}'
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


def test_the_sdks_timeout_is_not_looked_at():
    """The strategy has the timers."""
    app = failing("stall", duration=2.5)
    assert play(lambda client: text(client, timeout=1.0), app).seconds == 2.5


def test_what_is_learnt_is_kept_over_the_clients_life():
    """After forty answers of about a second, one that hangs is not waited for as long as the first."""
    slow = {"kind": "hang_before_headers", "probability": 1, "first_attempts": 1, "every": 1}
    quick = Profile.from_dict({"name": "quick", "headers": 1.0, "output_tokens": 2})
    app = MockApp(quick)

    async def scene(client):
        for number in range(40):
            await text(client, extra_headers={"X-Harness-Request": str(number)})
        app.profile = Profile.from_dict({"name": "slow", "headers": 1.0, "faults": [slow]})
        before = asyncio.get_running_loop().time()
        await text(client)
        return asyncio.get_running_loop().time() - before

    assert play(scene, app, Adaptive("s")).result < 5.0


def test_the_memory_of_a_long_life_does_not_grow():
    """Nothing is kept of each request."""
    strategy = Restart("s")
    memory = strategy.memory()

    async def main():
        app = MockApp(Profile.from_dict({"name": "instant"}))
        transport = StrategyTransport(strategy, DirectTransport(app), memory=memory)
        http = httpx2.AsyncClient(transport=transport)
        async with openai.AsyncOpenAI(base_url="http://mock/v1", api_key="k", http_client=http) as client:
            for _ in range(50):
                await text(client)

    clock.run(main, clock="virtual")
    assert (len(memory.durations), len(memory.waiting)) == (0, 0)


def test_a_proxy_of_the_environment_is_used(monkeypatch):
    """As by the SDK's own client; what goes through it is played too."""
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:8000")
    app = InTurn(server(99.0, None), server(200, HELLO, FINISH, DONE, None))
    played = play(lambda client: text(client.with_options(base_url="http://elsewhere.example/v1")), app)
    assert (played.result, played.seconds, app.asked[0][b"host"]) == ("hello", 3.0, b"elsewhere.example")


def test_given_mounts_are_played_too():
    """A client that was given a transport for some addresses."""
    app = failing("hang_before_headers")
    played = play(text, app, mounts={"http://": DirectTransport(app)})
    assert (len(played.result.split()), played.seconds) == (3, 3.0)


@pytest.mark.parametrize(
    ("strategy", "complaint"),
    [
        ("article_10", "played by the SDK itself"),
        (Sdk("s"), "played by the SDK itself"),
        ("hegde_2", "did you mean 'hedge_2'"),
        (Speculation("s"), "knows no batches"),
    ],
)
def test_what_cannot_be_played_is_refused(strategy, complaint):
    """When the client is made."""
    with pytest.raises(UserError, match=complaint):
        harness.http_client(strategy)


def test_a_fresh_connection_cannot_be_had_of_a_given_transport():
    """So it is refused, rather than forgotten."""
    strategy = Restart("s", fresh_connection=True)
    with pytest.raises(UserError, match="leave transport and mounts out"):
        harness.http_client(strategy, transport=httpx2.AsyncHTTPTransport())
    with pytest.raises(UserError, match="give it as `fresh`"):
        StrategyTransport(strategy, httpx2.AsyncHTTPTransport())


def test_the_clients_settings_are_httpx2s():
    """With the SDK's defaults."""
    client = harness.http_client("hedge_2", headers={"X-Mine": "1"})
    ours = openai.DefaultAsyncHttpxClient()
    assert (client.headers["x-mine"], client.timeout, client.follow_redirects) == (
        "1",
        ours.timeout,
        ours.follow_redirects,
    )


def test_it_is_adaptive_unless_told_otherwise():
    """What needs no knowledge of the server."""
    assert harness.http_client()._strategy.kind == "adaptive"
