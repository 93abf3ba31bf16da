"""What the player costs beyond the SDK.

    pytest tests/benchmarks/test_player_cost.py -m bench --benchmark-enable

CPU time a request in virtual time without latency: batches in turn, of the SDK alone reading the stream into a message
and of the player around it. The batches are short, so that a machine whose speed drifts hits both alike.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from harness import clock
from harness.attempts import chat_player
from harness.messages import StreamedMessage
from harness.mock.app import MockApp
from harness.openai_adapter import Endpoint, open_client
from harness.profiles import Profile
from harness.strategies import ADAPTER, Played, memory_of
from tests.benchmarks import figures

pytestmark = pytest.mark.bench

BATCH, PAIRS, WARM_UP, TARGET_MS = 25, 400, 20, 0.2
#: Order statistics of 400 between which the median lies with 95 %: 200 -+ 1.96 sqrt(400) / 2, whatever they follow.
LOW, MIDDLE, HIGH = 180, 200, 220
ARGUMENTS = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def milliseconds(kind: str) -> list[tuple[float, float]]:
    """CPU milliseconds a request of batches in turn: by the SDK alone, and by the player around it."""

    async def spent(ask: Callable[[], Awaitable[object]]) -> float:
        before = time.process_time()
        await asyncio.gather(*(ask() for _ in range(BATCH)))
        return (time.process_time() - before) / BATCH * 1000

    async def main() -> list[tuple[float, float]]:
        endpoint = Endpoint("http://mock/v1", "k", "m", is_mock=True, app=MockApp(Profile("instant")))
        async with open_client(endpoint, max_retries=0) as client:
            alone, around, pairs = sdk(client), player(client, kind), []
            for number in range(WARM_UP + PAIRS):
                # Whoever comes second finds warmer caches, and pays for the other's garbage: they swap places.
                first, second = (alone, around) if number % 2 else (around, alone)
                one, two = await spent(first), await spent(second)
                pairs.append((one, two) if number % 2 else (two, one))
            return pairs[WARM_UP:]

    return clock.run(main, clock="virtual", livelock_limit=100_000_000)


def sdk(client):
    """The SDK alone, its chunks put together to the message that its user wants."""

    async def ask() -> object:
        message = StreamedMessage()
        async with await client.chat.completions.create(**ARGUMENTS, stream=True) as stream:
            async for chunk in stream:
                message.add(chunk)
        assert message.finish_reason
        return message

    return ask


def player(client, kind: str):
    """The player around it."""
    strategy = ADAPTER.validate_python({"kind": kind, "name": "s"})
    assert isinstance(strategy, Played)
    memory = memory_of(strategy)

    async def ask() -> object:
        return await chat_player(client, ARGUMENTS, strategy, memory).run()

    return ask


@pytest.mark.parametrize("kind", ["restart", "hedge", "adaptive"])
def test_the_player_beyond_the_sdk(benchmark, capsys, kind):
    """The median of the differences with its interval, beside the target."""
    pairs = benchmark.pedantic(milliseconds, args=(kind,), rounds=1)
    alone = sorted(one for one, _ in pairs)[MIDDLE]
    low, beyond, high = (sorted(two - one for one, two in pairs)[rank] for rank in (LOW, MIDDLE, HIGH))
    assert alone > 0
    row = {"strategy": kind, "beyond_ms": beyond, "low_ms": low, "high_ms": high, "sdk_ms": alone}
    figures.add(benchmark, "player", [row | {"target_ms": TARGET_MS}])
    with capsys.disabled():
        print(
            f"\n{kind}: {beyond:.3f} ms [{low:.3f}, {high:.3f}] a request beyond the SDK's {alone:.3f} ms "
            f"(target {TARGET_MS} ms)"
        )
