"""Thousands of races leave nothing behind: no task, no connection, no place in a pool."""

import asyncio
import os
import random
import resource

import httpx2
import pytest

from harness import clock
from harness.attempts import GivenUpError, chat_player
from harness.mock.app import MockApp
from harness.mock.listener import serving
from harness.mock.server import ServerProcess
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


#: In real time all goes ten times as fast as the profile says.
FASTER = 0.1


async def raced(base_url: str, requests: int, in_flight: int, cancelled: float, factor: float = 1.0) -> int:
    """How many of the requests got an answer; fails when a task, a connection or a place in the pool is left."""
    dice, ours, answered = random.Random(5), asyncio.all_tasks(), 0
    strategy_ = RACING.scaled(factor)
    memory = memory_of(strategy_)
    endpoint = Endpoint(base_url, "k", "m", is_mock=True, time_scale=factor)
    # The pool is no larger than it must be: a lost place would soon show.
    async with open_client(endpoint, max_retries=0, pool={"max_connections": 3 * in_flight}) as client:
        room = asyncio.Semaphore(in_flight)

        async def one(number: int) -> None:
            nonlocal answered
            message = {"role": "user", "content": str(number)}
            patience = dice.uniform(0.1, 2.0) * factor if dice.random() < cancelled else None
            player = chat_player(client, {"model": "m", "messages": [message]}, strategy_, memory)
            try:
                async with asyncio.timeout(patience):
                    await player.run()
                answered += 1
            except (TimeoutError, GivenUpError):
                pass
            finally:
                room.release()

        under_way: set[asyncio.Task[None]] = set()
        for number in range(requests):
            await room.acquire()
            task = asyncio.create_task(one(number))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)
        pool = client._client._transport._pool
        assert [c for c in pool.connections if not c.is_idle()] == []
        assert memory.waiting == {}
    await asyncio.sleep(1)
    assert asyncio.all_tasks() - ours == set()
    return answered


def in_virtual_time(requests: int, *, in_flight: int, cancelled: float) -> tuple[int, int]:
    """How many requests got an answer, and how many attempts the mock saw, over sockets in memory."""

    async def main() -> tuple[int, int]:
        app = MockApp(Profile.from_dict(BAD), seed=3)
        # Its memory of the last 100,000 attempts would hide what others forget to let go of.
        app.log._keep = 1_000
        async with serving(app, port=8000) as port:
            answered = await raced(f"http://127.0.0.1:{port}/v1", requests, in_flight, cancelled)
        assert app.log.counts["in_flight"] == 0
        return answered, app.log.arrived

    return clock.run(main, clock="virtual", livelock_limit=1_000_000_000)


def over_sockets(requests: int, *, in_flight: int, cancelled: float) -> tuple[int, int]:
    """The same with a server in another process; no file descriptor is left either."""
    before = len(os.listdir("/proc/self/fd"))
    with ServerProcess(Profile.from_dict(BAD).scaled(FASTER), seed=3) as server:
        answered = asyncio.run(raced(server.base_url, requests, in_flight, cancelled, FASTER))
        root = server.base_url.removesuffix("/v1")
        metrics = httpx2.get(f"{root}/metrics", trust_env=False).text
    assert len(os.listdir("/proc/self/fd")) <= before
    counted = {line.split()[0]: float(line.split()[1]) for line in metrics.splitlines() if line[0] != "#"}
    assert counted["harness_mock_in_flight"] == 0
    return answered, int(counted["harness_mock_attempts_total"])


def test_races_leave_nothing_behind():
    """With a fifth of attempts broken, two copies each, and one request in twenty cancelled by its caller."""
    answered, attempts = in_virtual_time(400, in_flight=40, cancelled=0.05)
    assert answered > 350
    assert attempts > 450


@pytest.mark.slow
def test_many_races_leave_nothing_behind():
    """The same for four thousand; a hundred thousand are below."""
    answered, attempts = in_virtual_time(4_000, in_flight=100, cancelled=0.05)
    assert answered > 3_600
    assert attempts > 4_400


@pytest.mark.slow
def test_races_over_sockets_leave_nothing_behind():
    """The same with real ones."""
    answered, attempts = over_sockets(800, in_flight=40, cancelled=0.05)
    assert answered > 640
    assert attempts > 900


@pytest.mark.soak
@pytest.mark.parametrize(("play", "in_flight"), [(in_virtual_time, 100), (over_sockets, 20)])
def test_a_hundred_thousand_races_leave_nothing_behind(play, in_flight):
    """Minutes each; memory stays flat too. Over sockets few at once: a busy client reads late, and fails more."""
    play(2_000, in_flight=in_flight, cancelled=0.05)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answered, attempts = play(100_000, in_flight=in_flight, cancelled=0.05)
    assert answered > 80_000
    assert attempts > 100_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000, "KiB"
