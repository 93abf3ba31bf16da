"""Virtual time: instants are exact, ties are fair, and nothing happens twice in different order."""

from __future__ import annotations

import asyncio
import contextvars
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest

from harness import clock
from harness.clock.virtual import VirtualLoop

both = pytest.mark.parametrize("which", ["virtual", "real"])
Which = Literal["virtual", "real"]


def test_time_starts_at_zero():
    """A fresh virtual loop is at 0.0 seconds."""

    async def main() -> float:
        return asyncio.get_running_loop().time()

    assert clock.run(main, clock="virtual") == 0.0


def test_sleep_ends_exactly_when_due():
    """After ten minutes of sleep it is 600.0 s, not a rounding error more."""

    async def main() -> float:
        await asyncio.sleep(600)
        return asyncio.get_running_loop().time()

    assert clock.run(main, clock="virtual") == 600.0


def test_timers_run_at_the_very_float_they_were_set_for():
    """A timer set for an instant finds the clock at that instant, neighbouring floats told apart."""
    due = [0.1, math.nextafter(0.1, 1.0), 0.3, 1e9 + 0.1]

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        seen: list[float] = []
        for when in reversed(due):
            loop.call_at(when, lambda: seen.append(loop.time()))
        await asyncio.sleep(2e9)
        return seen

    assert clock.run(main, clock="virtual") == due


def test_equal_deadlines_are_first_in_first_out():
    """A thousand timers due at one instant run in the order in which they were set."""

    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        seen: list[int] = []
        for number in range(1000):
            loop.call_at(5.0, seen.append, number)
        await asyncio.sleep(5.0)
        return seen

    assert clock.run(main, clock="virtual") == list(range(1000))


def test_ties_stay_fair_when_cancelled_timers_are_swept():
    """Sweeping thousands of cancelled timers away leaves the order of the others alone."""

    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        seen: list[int] = []
        doomed = []
        for number in range(3000):
            timer = loop.call_at(5.0, seen.append, number)
            if number % 10:
                doomed.append(timer)
        for timer in doomed:
            timer.cancel()
        await asyncio.sleep(5.0)
        return seen

    assert clock.run(main, clock="virtual") == list(range(0, 3000, 10))


def test_cancelled_timers_do_not_pile_up():
    """A million seconds of timeouts that were never needed leave next to nothing in memory."""

    async def main() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        for _ in range(5000):
            async with asyncio.timeout(600):
                await asyncio.sleep(0)
        return len(loop._timers)

    assert clock.run(main, clock="virtual") < 300


@pytest.mark.parametrize(("timeout_first", "expected"), [(True, "timeout"), (False, "answer")])
def test_of_a_timeout_and_an_answer_at_the_same_instant_the_earlier_set_wins(timeout_first: bool, expected: str):
    """At equal instants the order of setting decides, so a tie has one outcome."""

    async def main() -> str:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str] = loop.create_future()
        timers: list[tuple[Any, ...]] = [(answer.cancel,), (lambda: answer.done() or answer.set_result("answer"),)]
        for timer in timers if timeout_first else reversed(timers):
            loop.call_at(10.0, *timer)
        try:
            return await answer
        except asyncio.CancelledError:
            return "timeout"

    assert clock.run(main, clock="virtual") == expected


def test_timeout_fires_at_its_deadline():
    """`asyncio.timeout(10)` around a longer wait raises at 10.0 s."""

    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await asyncio.sleep(11)
        return asyncio.get_running_loop().time()

    assert clock.run(main, clock="virtual") == 10.0


def test_callbacks_of_one_instant_see_one_time():
    """However much is computed, the clock stands still until nothing is left to do."""

    async def main() -> float:
        for _ in range(1000):
            await asyncio.sleep(0)
        return asyncio.get_running_loop().time()

    assert clock.run(main, clock="virtual") == 0.0


def test_a_timer_at_nan_is_refused():
    """NaN has no place in an order of instants."""

    async def main() -> None:
        asyncio.get_running_loop().call_at(math.nan, print)

    with pytest.raises(ValueError, match="NaN"):
        clock.run(main, clock="virtual")


@both
def test_result_and_exception_come_through(which: Which):
    """`run` returns what main returns and raises what it raises."""

    async def answer() -> int:
        return 42

    async def fail() -> None:
        raise KeyError("lost")

    assert clock.run(answer, clock=which) == 42
    with pytest.raises(KeyError, match="lost"):
        clock.run(fail, clock=which)


@both
def test_what_is_pending_at_the_end_is_cancelled(which: Which):
    """Tasks left behind are cancelled and their `finally` runs, as with asyncio.run."""
    ended: list[str] = []

    async def straggler() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("straggler")

    async def main() -> asyncio.Task[None]:
        task = asyncio.create_task(straggler())
        await asyncio.sleep(0)
        return task

    assert clock.run(main, clock=which).cancelled()
    assert ended == ["straggler"]


@both
def test_async_generators_are_shut_down(which: Which):
    """An asynchronous generator left half-way is closed when the loop ends."""
    closed: list[bool] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    async def main() -> AsyncIterator[int]:
        generator = numbers()
        await anext(generator)
        return generator

    assert clock.run(main, clock=which) is not None
    assert closed == [True]


@both
def test_context_variables_reach_the_loop_and_its_timers(which: Which):
    """The caller's context is main's context, and a timer's callback runs in the context that set it."""
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="unset")
    name.set("outside")

    async def main() -> list[str]:
        seen = [name.get()]
        name.set("inside")
        asyncio.get_running_loop().call_later(0.001, lambda: seen.append(name.get()))
        name.set("later")
        await asyncio.sleep(0.002)
        return seen

    assert clock.run(main, clock=which) == ["outside", "inside"]
    assert name.get() == "outside"


@both
def test_run_works_outside_the_main_thread(which: Which):
    """A worker thread may run a loop of its own."""
    results: list[str] = []

    async def main() -> str:
        await asyncio.sleep(0.001)
        return threading.current_thread().name

    thread = threading.Thread(target=lambda: results.append(clock.run(main, clock=which)), name="elsewhere")
    thread.start()
    thread.join()
    assert results == ["elsewhere"]


@both
def test_run_inside_a_running_loop_says_what_to_do(which: Which):
    """Nested loops are refused before main() is called."""

    async def inner() -> None:
        pass

    async def main() -> None:
        clock.run(inner, clock=which)

    with pytest.raises(RuntimeError, match=r"await main\(\)"):
        clock.run(main, clock=which)


def test_unknown_clock_is_refused():
    """There are two clocks."""

    async def main() -> None:
        pass

    with pytest.raises(ValueError, match="'sundial'"):
        clock.run(main, clock="sundial")  # type: ignore[arg-type]  # the mistake under test


@pytest.fixture
def interruptible():
    """Ctrl-C as in a terminal: whoever starts the tests in the background lets it be ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interrupt_reaches_a_busy_virtual_loop():
    """SIGINT stops a loop that never sleeps, cancels main, and comes out as KeyboardInterrupt."""
    cancelled: list[bool] = []

    async def main() -> None:
        asyncio.get_running_loop().call_at(1e4, os.kill, os.getpid(), signal.SIGINT)
        try:
            while True:  # noqa: ASYNC110  # a busy loop is what is interrupted
                await asyncio.sleep(1)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with pytest.raises(KeyboardInterrupt):
        clock.run(main, clock="virtual")
    assert cancelled == [True]


@pytest.mark.skipif(sys.platform == "win32", reason="asyncio has no signal handlers there")
def test_signal_handlers_of_the_loop_are_called():
    """A handler added with `add_signal_handler` runs although the selector never sleeps."""

    async def main() -> str:
        loop = asyncio.get_running_loop()
        told: asyncio.Future[str] = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR1, told.set_result, "told")
        os.kill(os.getpid(), signal.SIGUSR1)
        while not told.done():  # noqa: ASYNC110  # a loop that waits would look at signals anyway
            await asyncio.sleep(1)
        loop.remove_signal_handler(signal.SIGUSR1)
        return told.result()

    assert clock.run(main, clock="virtual") == "told"


def test_executors_take_no_time_and_no_thread():
    """`asyncio.to_thread` calls the function at once, where it sees no running loop."""

    def work() -> tuple[str, bool]:
        return threading.current_thread().name, asyncio._get_running_loop() is None

    async def main() -> tuple[tuple[str, bool], float]:
        return await asyncio.to_thread(work), asyncio.get_running_loop().time()

    assert clock.run(main, clock="virtual") == ((threading.current_thread().name, True), 0.0)


def played_in_threads(slow: range) -> tuple[list[int], float]:
    """The order in which 60 pieces of work come back from threads, some slow in real time, and the time they took."""
    import anyio.to_thread

    def work(number: int) -> int:
        time.sleep(0.01 if number in slow else 0)
        return number

    async def main() -> tuple[list[int], float]:
        done: list[int] = []

        async def one(number: int) -> None:
            done.append(await anyio.to_thread.run_sync(work, number))

        async with asyncio.timeout(1), asyncio.TaskGroup() as group:
            for number in range(60):
                group.create_task(one(number))
        return done, asyncio.get_running_loop().time()

    return clock.run(main, clock="virtual")


def test_the_clock_waits_for_worker_threads_of_anyio():
    """Work in anyio's threads takes no virtual time, however long it really takes."""
    done, ended = played_in_threads(slow=range(3))
    assert sorted(done) == list(range(60))
    assert ended == 0.0


def test_worker_threads_report_in_an_order_of_their_own():
    """Which thread is faster changes nothing in the order in which results come back."""
    assert played_in_threads(slow=range(3)) == played_in_threads(slow=range(3, 6))


SCENARIO = """
import asyncio
from harness import clock

async def main():
    loop, seen, waiting = asyncio.get_running_loop(), [], set()

    async def one(name):
        for _ in range(3):
            await asyncio.sleep(hash(name) * 0 + len(name) / 10)
            seen.append((name, loop.time()))

    async def served(reader, writer):
        writer.write(await reader.readexactly(3))
        writer.close()

    server = await asyncio.start_server(served, "localhost", 0)
    port = server.sockets[0].getsockname()[1]

    async def call(word):
        reader, writer = await asyncio.open_connection("localhost", port)
        writer.write(word)
        seen.append((await reader.read(), loop.time(), writer.get_extra_info("sockname")))
        writer.close()

    jobs = [one(name) for name in ("ab", "cd", "efg", "hij")] + [call(word) for word in (b"one", b"two", b"six")]
    await asyncio.gather(*jobs)
    print(seen)

clock.run(main, clock="virtual")
"""


def test_order_does_not_depend_on_the_hash_seed():
    """Two processes with different hash seeds see the same events in the same order."""

    def played(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", SCENARIO]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    assert "b'six'" in played("1")
    assert played("1") == played("2")
