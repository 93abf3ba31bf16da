"""Requests that are wrong, huge or ill-timed harm nobody but their sender."""

import asyncio
import json

import httpx2
import pytest
from pydantic import ValidationError

from harness import clock
from harness.mock.app import MockApp
from harness.mock.server import ServerProcess
from harness.openai_adapter import DirectTransport
from harness.profiles import Profile

CHAT = "/v1/chat/completions"
TOOL = {"type": "function", "function": {"name": "time"}}


def ask(**fields):
    return {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}


def play(scene, **profile):
    app = MockApp(Profile.from_dict({"name": "p", **profile}))

    async def main():
        async with httpx2.AsyncClient(transport=DirectTransport(app), base_url="http://mock", timeout=None) as client:
            return await scene(client, app)

    return clock.run(main, clock="virtual")


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (5, "Invalid 'tool_choice'"),
        ("sometimes", "Invalid 'tool_choice'"),
        ({"function": "time"}, "Invalid 'tool_choice'"),
        ({"function": {"name": ["time"]}}, "Invalid 'tool_choice'"),
        ({"type": "function", "function": {"name": "zzz"}}, "'zzz' is not in 'tools'"),
    ],
)
def test_a_choice_of_tools_that_makes_no_sense_is_refused(choice, message):
    """With OpenAI's error body, not with an exception in the server."""
    body = ask(tools=[TOOL], tool_choice=choice)
    response = play(lambda client, _: client.post(CHAT, json=body))
    assert (response.status_code, response.json()["error"]["param"]) == (400, "tool_choice")
    assert message in response.json()["error"]["message"]


def test_half_a_surrogate_pair_is_refused():
    """No Unicode text holds it, so that nothing that is answered, hashed or logged could."""
    body = json.dumps(ask(user="\ud800")).encode()
    response = play(lambda client, _: client.post(CHAT, content=body))
    assert (response.status_code, response.json()["error"]["type"]) == (400, "invalid_request_error")


def test_what_is_not_json_is_not_echoed():
    """NaN, which Python reads and JSON does not know, is refused instead of sent back."""
    body = json.dumps(ask(temperature=float("nan"))).encode()
    assert b"NaN" in body
    assert play(lambda client, _: client.post(CHAT, content=body)).status_code == 400


@pytest.mark.parametrize("size", [{"max_tokens": 131_073}, {"n": 128, "max_tokens": 1025}])
def test_an_answer_too_long_to_build_is_refused(size):
    """One request must not hold up all others for seconds."""
    response = play(lambda client, _: client.post(CHAT, json=ask(**size)))
    assert response.status_code == 400
    assert "131072" in response.json()["error"]["message"]


def test_choices_of_a_long_profile_count_together():
    """A profile's own length times `n` is bounded like a request's."""
    response = play(lambda client, _: client.post(CHAT, json=ask(n=2)), output_tokens=65_537)
    assert (response.status_code, response.json()["error"]["param"]) == (400, "n")


def test_error_answers_carry_request_ids_of_their_own():
    """The SDK shows it, and a bug report quotes it."""

    async def scene(client, app):
        return [(await client.post(CHAT, content=b"{")).headers["x-request-id"] for _ in range(2)]

    ids = play(scene)
    assert len(set(ids)) == 2
    assert ids == play(scene)
    assert all(name.startswith("req_") for name in ids)


def test_a_reset_leaves_attempts_under_way_in_flight():
    """They end without turning the gauge negative or entering totals that began after them."""

    async def scene(client, app):
        slow = asyncio.create_task(client.post(CHAT, json=ask()))
        await asyncio.sleep(1)
        await client.post("/_harness/reset")
        during = app.log.counts["in_flight"]
        await slow
        return during, app.log.counts["in_flight"], app.log.counts["delivered"], dict(app.log.statuses)

    assert play(scene, headers=10.0) == (1, 0, 0, {})


def test_true_is_not_a_second():
    """YAML's `yes` where a time belongs is a mistake."""
    with pytest.raises(ValidationError, match="headers"):
        Profile.from_dict({"name": "p", "headers": True})


def test_a_server_process_outlives_its_own_complaints():
    """Warnings of the server, more than a pipe holds, do not stop it."""
    garbage = b"\x16\x03\x01 not HTTP\r\n\r\n"

    async def main(port):
        for _ in range(2_500):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(garbage)
            await asyncio.wait_for(reader.read(), 10)
            writer.close()

    with ServerProcess(Profile("p")) as server, httpx2.Client(trust_env=False, timeout=10) as client:
        asyncio.run(main(int(server.base_url.split(":")[2].removesuffix("/v1"))))
        assert client.get(server.base_url.removesuffix("/v1") + "/health").status_code == 200


def test_a_server_process_that_never_starts_is_given_up():
    """A child that says nothing is stopped after the limit."""
    server = ServerProcess(Profile("p"), command=["sleep", "60"], start_limit_s=0.2)
    with pytest.raises(RuntimeError, match="did not start"):
        server.__enter__()
