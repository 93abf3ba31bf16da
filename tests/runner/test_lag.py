"""A client whose loop is busy says so."""

import asyncio
import time

from harness.runner.lag import LoopLag


def test_a_blocked_loop_is_late():
    """Held up for 0.2 s, a timer that fell due meanwhile fires that much late."""

    async def busy() -> None:
        await asyncio.sleep(0.05)
        time.sleep(0.2)  # noqa: ASYNC251 - what the test is about
        await asyncio.sleep(0.05)

    lag = LoopLag()
    asyncio.run(lag.around(busy))
    timing = lag.timing()
    assert timing is not None
    assert timing["max_s"] >= 0.17
    assert timing["late"] is True


def test_nothing_sampled_is_no_timing():
    """In virtual time nothing is late, and nobody looks."""
    assert LoopLag().timing() is None


def test_virtual_time_has_no_timing_of_the_client(play):
    """Its records depend on no machine."""
    result, _ = play("matrix.strategy=[article_10]", "reference=article_10")
    assert result.client_timing is None


def test_the_worst_of_a_span_counts_what_is_overdue():
    """Whoever asks before the late timer has fired hears of it all the same, and of nothing before his span."""

    async def busy() -> None:
        clock = asyncio.get_running_loop().time
        begin = clock()
        await asyncio.sleep(0.05)
        time.sleep(0.2)  # noqa: ASYNC251 - what the test is about
        overdue.append(lag.worst(begin, clock()))
        await asyncio.sleep(0.05)
        sampled.append(lag.worst(begin, clock()))
        after.append(lag.worst(clock(), clock()))

    lag = LoopLag()
    overdue: list[float] = []
    sampled: list[float] = []
    after: list[float] = []
    asyncio.run(lag.around(busy))
    assert overdue[0] >= 0.17
    assert sampled[0] >= 0.17
    assert after[0] < 0.17
