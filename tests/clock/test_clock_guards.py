"""A program that cannot go on is told so, with the tasks that wait and where."""

from __future__ import annotations

import asyncio
import math
import threading

import pytest

from harness import clock
from harness.clock.virtual import VirtualLoop


async def wait_for_godot() -> None:
    await asyncio.Event().wait()


def test_deadlock_names_the_task_and_the_line():
    """Deadlock says which task waits, at which line of whose code, and what to do."""

    async def main() -> None:
        asyncio.current_task().set_name("vladimir")
        await wait_for_godot()

    with pytest.raises(clock.Deadlock) as caught:
        clock.run(main, clock="virtual")
    message = str(caught.value)
    line = wait_for_godot.__code__.co_firstlineno + 1
    assert "vladimir waits at " in message
    assert f"test_clock_guards.py:{line} in wait_for_godot" in message
    assert "Give the wait a timeout" in message


def test_deadlock_says_when():
    """The instant at which nothing was left to do is in the message."""

    async def main() -> None:
        await asyncio.sleep(600)
        await wait_for_godot()

    with pytest.raises(clock.Deadlock, match=r"Deadlock at 600\.0 s"):
        clock.run(main, clock="virtual")


def test_long_lists_of_tasks_are_cut():
    """Of a hundred stuck tasks ten are shown, in order, and the rest counted."""

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(wait_for_godot(), name=f"job-{number}")

    with pytest.raises(clock.Deadlock) as caught:
        clock.run(main, clock="virtual")
    assert "and 91 more" in str(caught.value)
    assert str(caught.value).index("job-2 ") < str(caught.value).index("job-3 ")


def test_sleeping_for_ever_is_a_deadlock():
    """A timer at infinity never fires, and the message says so."""

    async def main() -> None:
        await asyncio.sleep(math.inf)

    with pytest.raises(clock.Deadlock, match="infinity"):
        clock.run(main, clock="virtual")


def test_deadlocked_tasks_are_cancelled():
    """What was stuck is cancelled before the error comes out."""
    ended: list[bool] = []

    async def main() -> None:
        try:
            await wait_for_godot()
        finally:
            ended.append(True)

    with pytest.raises(clock.Deadlock):
        clock.run(main, clock="virtual")
    assert ended == [True]


def test_the_first_deadlock_is_the_one_shown():
    """A task that gets stuck again while it is cancelled does not hide the first finding."""

    async def main() -> None:
        try:
            await asyncio.sleep(1)
            await wait_for_godot()
        finally:
            await asyncio.sleep(1)
            await wait_for_godot()

    with pytest.raises(clock.Deadlock, match=r"Deadlock at 1\.0 s"):
        clock.run(main, clock="virtual")


def test_a_thread_that_calls_back_in_time_is_no_deadlock():
    """A thread known to nobody still gets a short real grace to hand its result in."""

    async def main() -> str:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()
        asked = threading.Event()

        def answer() -> None:
            asked.wait()
            loop.call_soon_threadsafe(future.set_result, "here")

        thread = threading.Thread(target=answer)
        thread.start()
        asked.set()
        result = await future
        thread.join()
        return result

    def patient() -> VirtualLoop:
        return VirtualLoop(thread_grace_s=30.0)

    with asyncio.Runner(loop_factory=patient) as runner:
        assert runner.run(main()) == "here"


def test_a_worker_that_never_reports_is_a_deadlock():
    """A thread of anyio that is busy for too long is named instead of waited for."""
    import anyio.to_thread

    release = threading.Event()

    async def main() -> None:
        await anyio.to_thread.run_sync(release.wait, abandon_on_cancel=True)

    def hasty() -> VirtualLoop:
        return VirtualLoop(worker_grace_s=0.05)

    def stuck() -> None:
        with asyncio.Runner(loop_factory=hasty) as runner:
            try:
                runner.run(main())
            finally:
                release.set()

    with pytest.raises(clock.Deadlock, match="AnyIO worker thread"):
        stuck()


def test_livelock_names_the_task_that_spins():
    """Callbacks that never let the clock move end in Livelock, with the limit and the task."""

    async def main() -> None:
        asyncio.current_task().set_name("spinner")
        await asyncio.sleep(5)
        while True:  # noqa: ASYNC110  # the mistake under test
            await asyncio.sleep(0)

    with pytest.raises(clock.Livelock, match=r"(?s)Livelock at 5\.0 s.*spinner"):
        clock.run(main, clock="virtual", livelock_limit=5000)


def test_timers_without_delay_are_a_livelock_too():
    """Rescheduling oneself for now moves no clock."""

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def again() -> None:
            loop.call_later(0, again)

        again()
        await wait_for_godot()

    with pytest.raises(clock.Livelock):
        clock.run(main, clock="virtual", livelock_limit=5000)


def test_work_below_the_limit_is_no_livelock():
    """The count starts again whenever the clock moves."""

    async def main() -> float:
        for _ in range(10):
            for _ in range(3000):
                await asyncio.sleep(0)
            await asyncio.sleep(1)
        return asyncio.get_running_loop().time()

    assert clock.run(main, clock="virtual", livelock_limit=5000) == 10.0


@pytest.mark.parametrize("method", ["call_soon", "call_later"])
def test_foreign_thread_is_told_of_the_safe_entrance(method: str):
    """Scheduling from another thread raises there, and names `call_soon_threadsafe`."""
    caught: list[BaseException] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        arguments = (print,) if method == "call_soon" else (1.0, print)

        def trespass() -> None:
            try:
                getattr(loop, method)(*arguments)
            except clock.ForeignThread as error:
                caught.append(error)

        thread = threading.Thread(target=trespass, name="intruder")
        thread.start()
        thread.join()

    clock.run(main, clock="virtual")
    assert len(caught) == 1
    assert "'intruder'" in str(caught[0])
    assert "call_soon_threadsafe" in str(caught[0])


def test_a_deadlock_after_a_trespass_mentions_it():
    """When a callback was refused, the deadlock that follows says whose it was."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        event = asyncio.Event()

        def trespass() -> None:
            with pytest.raises(clock.ForeignThread):
                loop.call_soon(event.set)

        thread = threading.Thread(target=trespass, name="intruder")
        thread.start()
        thread.join()
        await event.wait()

    with pytest.raises(clock.Deadlock, match=r"the thread 'intruder' scheduled Event\.set"):
        clock.run(main, clock="virtual")


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("add_reader", (0, print)),
        ("create_unix_connection", (asyncio.Protocol, "/socket")),
        ("create_datagram_endpoint", (asyncio.DatagramProtocol,)),
        ("subprocess_exec", (asyncio.SubprocessProtocol, "true")),
    ],
)
def test_what_is_not_simulated_is_refused(method: str, arguments: tuple[object, ...]):
    """Features of the operating system are refused by name, with the way out."""

    async def main() -> None:
        await getattr(asyncio.get_running_loop(), method)(*arguments)

    with pytest.raises(clock.NotSimulated, match=f"{method}.*clock=real"):
        clock.run(main, clock="virtual")


def test_all_guards_are_clock_errors():
    """One except clause catches them all, and RuntimeError does too."""
    for kind in (clock.Deadlock, clock.Livelock, clock.ForeignThread, clock.NotSimulated):
        assert issubclass(kind, clock.ClockError)
    assert issubclass(clock.ClockError, RuntimeError)
