"""A bug in the server is told to its operator and to the client, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest

from harness import clock
from harness.mock.app import MockApp
from harness.mock.listener import serving
from harness.openai_adapter import DirectTransport
from harness.profiles import Profile
from harness.scripts import Event, Reply, Script
from tests.mock.conftest import CHAT, ask

ONE_SLOT = {"name": "p", "load": {"slots": 1}}


class Careless(Profile):
    """Cannot draw a script."""

    def script(self, *_: Any, **__: Any) -> Script:
        """Never."""
        return Script((Event("headers", 1 / 0),))


class Tongueless(Profile):
    """Its answers are replies that nobody can write down."""

    def script(self, *_: Any, **__: Any) -> Script:
        """After a second."""
        return Script((Event("reply", 1.0, reply=Reply(500, b"", headers=(("x-number", 5),))),))


class Garbling(Profile):
    """Its answers begin well."""

    def script(self, *_: Any, **__: Any) -> Script:
        """And go on with what is not bytes."""
        return Script((Event("headers", 0.0), Event("data", 1.0, data=5), Event("end", 2.0)))


class Unhearing(MockApp):
    """Cannot say whether it wants a large body."""

    def hears(self, *_: Any) -> None:
        """Never."""
        raise ZeroDivisionError


class Unhandy(MockApp):
    """Does not even refuse."""

    def handle(self, *_: Any) -> None:
        """Never."""
        raise ZeroDivisionError


def meet(app: MockApp, network: str, body: dict[str, Any] | None = None) -> tuple[int | str, Any, float]:
    """Status and error of one request, or the client's exception, and the instant at which they were there."""

    async def main() -> tuple[int | str, Any, float]:
        async with serving(app) as port:
            place: dict[str, Any] = {"base_url": f"http://127.0.0.1:{port}", "trust_env": False}
            if network == "direct":
                place = {"base_url": "http://mock", "transport": DirectTransport(app)}
            async with httpx2.AsyncClient(timeout=60, **place) as client:
                try:
                    answer = await client.post(CHAT, json=body or ask(stream=True))
                    found: tuple[int | str, Any] = answer.status_code, answer.json()["error"]
                except httpx2.TransportError as error:
                    found = type(error).__name__, None
                return *found, asyncio.get_running_loop().time()

    return clock.run(main, clock="virtual")


@pytest.mark.parametrize("network", ["direct", "memory"])
@pytest.mark.parametrize(
    ("profile", "when", "cause"), [(Careless, 0.0, "ZeroDivisionError"), (Tongueless, 1.0, "AttributeError")]
)
def test_a_bug_before_the_answer_is_status_500(caplog, network, profile, when, cause):
    """In OpenAI's shape, at the instant at which it shows, with its traceback in the log."""
    status, error, instant = meet(MockApp(profile("p")), network)
    assert (status, error["type"], instant) == (500, "server_error", when)
    assert cause in caplog.text


@pytest.mark.parametrize("network", ["direct", "memory"])
def test_a_bug_within_an_answer_breaks_it_off(caplog, network):
    """With a reset: what was sent cannot be taken back."""
    assert meet(MockApp(Garbling("p")), network) == ("ReadError", None, 1.0)
    assert "TypeError" in caplog.text


@pytest.mark.parametrize("profile", [Careless, Tongueless, Garbling])
def test_a_bug_holds_no_slot(profile):
    """The next attempt has it, and the gauge is down again."""
    app = MockApp(profile(**ONE_SLOT))
    for _ in range(3):
        assert meet(app, "memory")[2] <= 1.0
    assert app.log.counts["in_flight"] == 0


@pytest.mark.parametrize(("kind", "expected"), [(Unhearing, (500, 0.0)), (Unhandy, ("ReadError", 0.0))])
def test_no_bug_of_the_application_hangs_the_connection(caplog, kind, expected):
    """Answered where that is possible still, else closed; the parser swallows nothing."""
    body = ask(user="x" * 100_000)
    assert len(json.dumps(body)) > 2**16
    status, _, instant = meet(kind(Profile("p")), "memory", body)
    assert (status, instant) == expected
    assert "ZeroDivisionError" in caplog.text
