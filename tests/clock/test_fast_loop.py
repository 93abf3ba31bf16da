"""uvloop plays real time, with a clock that is fine enough to measure with."""

import asyncio
import importlib.util
import time
from itertools import pairwise

import pytest

from harness import clock
from harness.config import compose
from harness.errors import UserError

pytestmark = pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed")


async def _instants() -> list[float]:
    """When a loop says that it is, before, between and after working."""
    loop = asyncio.get_running_loop()
    found = [time.monotonic()]
    for _ in range(3):
        found.append(loop.time())
        time.sleep(0.0002)  # noqa: ASYNC251 - the loop's clock must go on while its code runs
    return [*found, time.monotonic()]


def test_its_clock_goes_on_while_code_runs():
    """In fractions of a millisecond, and it is the monotonic clock that others read, too."""
    found = clock.run(_instants, clock="real", event_loop="uvloop")
    assert found == sorted(found)
    assert all(later - earlier >= 0.0002 for earlier, later in pairwise(found[1:4]))


@pytest.mark.parametrize(("event_loop", "module"), [("auto", "harness"), ("uvloop", "harness"), ("asyncio", "asyncio")])
def test_whose_loop_it_is(event_loop, module):
    """As the setting says; what is installed is taken unless it is told otherwise."""

    async def main() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert clock.run(main, clock="real", event_loop=event_loop).partition(".")[0] == module


def test_a_loop_that_is_not_installed_is_refused(monkeypatch):
    """In one line, before anything is played."""
    monkeypatch.setattr("harness.config.build.find_spec", lambda name: None)
    with pytest.raises(UserError, match="event_loop=uvloop needs the package uvloop"):
        compose("article", ["event_loop=uvloop"])
