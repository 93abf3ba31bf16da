"""Which timeout is best: pytest-benchmark in virtual time, compared with a committed baseline.

    pytest tests/benchmarks/test_timeouts.py -p no:xdist --benchmark-enable \
        --benchmark-compare=tests/benchmarks/timeouts.json --benchmark-compare-fail=mean:5%

fails when a change of the client makes a batch take more than 5 % longer on average. After a wanted change,
`--benchmark-json=tests/benchmarks/timeouts.json` instead of the comparison writes the new baseline. The seconds are
those of the virtual clock: the numbers are equal on every machine, and a batch that waits for ten minutes takes none.
"""

from __future__ import annotations

from itertools import count

import pytest

from harness import Llm, clock

BATCH, ROUNDS = 50, 10
HELLO = [{"role": "user", "content": "Write 1 random tokens"}]


@pytest.mark.benchmark(group="a batch of 50 under the article's profile, virtual seconds", timer=clock.timer)
@pytest.mark.parametrize("timeout", [600, 20, 10, 2], ids="timeout={}".format)
def test_a_batch_with_this_timeout(benchmark, mock_llm, timeout):
    """Each round is another seed: the same seeds for all timeouts."""
    seeds = count()

    def batch(seed: int) -> int:
        async def scene(base_url: str) -> int:
            llm = Llm(base_url=base_url, api_key="any", batch_size=BATCH)
            answers = await llm.arun_batch_completions([HELLO] * BATCH, timeout=timeout, stream=True)
            return len(answers)

        return mock_llm.play(scene, "article", seed=seed).result

    assert benchmark.pedantic(batch, setup=lambda: ((next(seeds),), {}), rounds=ROUNDS) == BATCH
