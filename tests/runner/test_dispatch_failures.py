"""A request that cannot even begin ends its trial, and nobody waits for it."""

import asyncio

import pytest

from harness import clock
from harness.config import compose
from harness.runner.dispatch import window
from harness.strategies.limiters import limiter


@pytest.mark.parametrize("whose", ["virtual", "real"])
def test_what_cannot_begin_ends_the_window(whose):
    """With its own exception, in virtual and in real time."""
    (cell,) = compose(None, ["strategy.dispatch=window", "workload.batches=1", "workload.batch_size=3"]).cells

    def start(request):
        raise LookupError(f"nothing to ask for in {request.index}")

    async def main():
        limits = limiter(cell.strategy)
        assert limits is not None
        await asyncio.wait_for(window(cell.workload.requests, start, lambda *_: None, limits, limit_s=10), 20)

    with pytest.raises(LookupError, match="nothing to ask for in 0"):
        clock.run(main, clock=whose)
