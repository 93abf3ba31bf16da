"""The same faults over sockets, in memory and real: what the SDK meets is what it meets directly."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness import clock
from harness.attempts import Play
from harness.faults import Fault
from harness.mock.app import MockApp
from harness.mock.server import serving
from harness.openai_adapter import Endpoint, open_client
from harness.profiles import Profile
from harness.records import Outcome, Request
from harness.strategies import Sdk

REQUEST = Request(0, ({"role": "user", "content": "hi"},))
PLACE = {"experiment": "e", "cell": "c", "trial": 0, "seed": 0, "batch": 0}


def outcome(profile: Profile, network: str, strategy: Sdk) -> Outcome:
    """One request against a profile: direct, over in-memory sockets, or over real ones."""
    app = MockApp(profile)

    async def main() -> Outcome:
        async def played(endpoint: Endpoint) -> Outcome:
            async with open_client(endpoint, max_retries=0) as client:
                origin = asyncio.get_running_loop().time()
                play = Play(client, REQUEST, strategy, endpoint, origin=origin, **PLACE)
                try:
                    async with asyncio.timeout(50):
                        return await play.run()
                except TimeoutError:
                    return play.unfinished()

        direct = Endpoint("http://mock/v1", "k", "m", is_mock=True, app=app)
        if network == "direct":
            return await played(direct)
        async with serving(app) as port:
            return await played(direct.over_network(f"http://127.0.0.1:{port}/v1"))

    return clock.run(main, clock="real" if network == "real" else "virtual")


def facts(found: Outcome) -> tuple[Any, ...]:
    """What must be equal over every network, instants to the microsecond."""
    (attempt,) = found.attempts
    instants = (attempt.headers_s, attempt.first_content_s, attempt.last_content_s, attempt.end_s)
    rounded = [None if instant is None else round(instant, 6) for instant in instants]
    return (found.outcome, attempt.outcome, attempt.status, found.tokens, rounded)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("kind", sorted(Fault.register))
def test_in_memory_sockets_agree_with_direct_calls(kind, stream):
    """Every fault, streamed and not: outcome, status and instants."""
    settings = {"duration": 20.0} if kind == "stall" else {}
    fault = {"kind": kind, "probability": 1.0, **settings}
    steps = {"name": "p", "headers": 1.0, "first_content": 1.0, "between_tokens": 0.5, "end": 0.5, "output_tokens": 3}
    profile = Profile.from_dict(steps | {"faults": [fault]})
    strategy = Sdk("s", timeout=10, stream=stream, max_retries=0, tenacity_attempts=1)
    assert facts(outcome(profile, "memory", strategy)) == facts(outcome(profile, "direct", strategy))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("abrupt_disconnect", "stream_error"),
        ("silent_truncation", "truncated"),
        ("error_in_stream", "stream_error"),
        ("status_error", "status_error"),
        ("html_200", "truncated"),
        ("split_utf8", "ok"),
        ("mid_stream_stall", "timeout"),
    ],
)
def test_on_real_sockets_it_is_the_same(kind, expected):
    """Over TCP, with a server that takes no time but for its faults."""
    profile = Profile.from_dict({"name": "p", "output_tokens": 3, "faults": [{"kind": kind, "probability": 1.0}]})
    strategy = Sdk("s", timeout=0.2, stream=True, max_retries=0, tenacity_attempts=1)
    assert outcome(profile, "real", strategy).outcome == expected
