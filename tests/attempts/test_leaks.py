"""Thousands of races leave nothing behind: no task, no connection, no place in a pool."""

import asyncio
import random

import pytest

from harness import clock
from harness.attempts import GivenUpError, chat_player
from harness.mock.app import MockApp
from harness.mock.listener import serving
from harness.openai_adapter import Endpoint, open_client
from harness.profiles import Profile
from harness.strategies import memory_of
from tests.strategies.conftest import strategy

#: A tenth of attempts gets stuck before its headers, another within its answer.
BAD = {
    "name": "bad",
    "headers": {"kind": "lognormal", "median": 0.5, "sigma": 0.3},
    "between_tokens": 0.1,
    "output_tokens": 4,
    "faults": [
        {"kind": "hang_before_headers", "probability": 0.1},
        {"kind": "mid_stream_stall", "probability": 0.05, "tokens": 2},
        {"kind": "abrupt_disconnect", "probability": 0.05, "tokens": 2},
    ],
}
RACING = strategy("hedge", timeout=3, delay=1, idle_timeout=2, attempt_timeout=20, total_timeout=30, max_hedges=2)


def played(requests: int, *, in_flight: int, cancelled: float) -> tuple[int, int]:
    """How many requests got an answer, and how many attempts the mock saw; fails when anything is left."""
    dice = random.Random(5)

    async def main() -> tuple[int, int]:
        app = MockApp(Profile.from_dict(BAD), seed=3)
        ours = asyncio.all_tasks()
        memory = memory_of(RACING)
        answered = 0
        async with serving(app, port=8000) as port:
            endpoint = Endpoint(f"http://127.0.0.1:{port}/v1", "k", "m", is_mock=True)
            # The pool is no larger than it must be: a lost place would soon show.
            async with open_client(endpoint, max_retries=0, max_connections=3 * in_flight) as client:
                room = asyncio.Semaphore(in_flight)

                async def one(number: int) -> None:
                    nonlocal answered
                    message = {"role": "user", "content": str(number)}
                    patience = dice.uniform(0.1, 2.0) if dice.random() < cancelled else None
                    async with room:
                        player = chat_player(client, {"model": "m", "messages": [message]}, RACING, memory)
                        try:
                            async with asyncio.timeout(patience):
                                await player.run()
                            answered += 1
                        except (TimeoutError, GivenUpError):
                            pass

                await asyncio.gather(*(one(number) for number in range(requests)))
                pool = client._client._transport._pool
                assert [c for c in pool.connections if not c.is_idle()] == []
                assert memory.waiting == {}
        await asyncio.sleep(1)
        assert asyncio.all_tasks() - ours == set()
        assert app.log.counts["in_flight"] == 0
        return answered, app.log.arrived

    return clock.run(main, clock="virtual", livelock_limit=100_000_000)


def test_races_leave_nothing_behind():
    """With a fifth of attempts broken, two copies each, and one request in twenty cancelled by its caller."""
    answered, attempts = played(400, in_flight=40, cancelled=0.05)
    assert answered > 350
    assert attempts > 450


@pytest.mark.slow
def test_many_races_leave_nothing_behind():
    """The same for ten thousand."""
    answered, attempts = played(10_000, in_flight=100, cancelled=0.05)
    assert answered > 9_000
    assert attempts > 11_000
