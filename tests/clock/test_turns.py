"""Work that can wait does not keep a loop from its sockets."""

import asyncio

from harness import clock
from harness.clock.turns import MOST, Turns


async def _pieces_by_turn(pieces: int) -> list[int]:
    """How many of so many pieces were done in each turn of the loop."""
    loop, turns = asyncio.get_running_loop(), Turns()
    done: list[int] = []
    counted: list[int] = []
    over = loop.create_future()

    def count() -> None:
        counted.append(len(done) - sum(counted))
        if len(done) < pieces:
            loop.call_soon(count)
        else:
            over.set_result(None)

    for number in range(pieces):
        turns.take(lambda number=number: done.append(number))
    loop.call_soon(count)
    await over
    assert done == list(range(pieces))
    return [number for number in counted if number]


def test_so_many_in_a_turn():
    """In order, and never more than the limit before the loop looks around."""
    found = clock.run(lambda: _pieces_by_turn(5 * MOST + 1), clock="real")
    assert len(found) >= 5
    assert max(found) == MOST


def test_virtual_time_does_all_at_once():
    """Nothing takes time there, and the order of events stays what it is."""
    assert clock.run(lambda: _pieces_by_turn(5 * MOST), clock="virtual") == [5 * MOST]


def test_what_is_forgotten_is_not_done():
    """Whoever stops leaves nothing behind that would begin later."""

    async def main() -> list[int]:
        turns, done = Turns(), []
        for number in range(3 * MOST):
            turns.take(lambda number=number: done.append(number))
        await asyncio.sleep(0)
        turns.clear()
        for _ in range(10):
            await asyncio.sleep(0)
        return done

    assert clock.run(main, clock="real") == list(range(MOST))


def test_work_that_fails_keeps_nobody_waiting():
    """The loop is told of it, and the others have their turns."""

    async def main() -> tuple[int, int]:
        loop, turns, over = asyncio.get_running_loop(), Turns(), asyncio.get_running_loop().create_future()
        told: list[object] = []
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        done: list[int] = []
        turns.take(lambda: done.remove(-1))
        for number in range(2 * MOST):
            turns.take(lambda number=number: done.append(number))
        turns.take(lambda: over.set_result(None))
        await asyncio.wait_for(over, 10)
        return len(told), len(done)

    assert clock.run(main, clock="real") == (1, 2 * MOST)
