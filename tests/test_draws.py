"""Draws depend on their keys and on nothing else."""

import os
import subprocess
import sys

from harness.draws import uniform


def test_a_draw_never_changes():
    """Pinned values: another Python or machine must give the same scripts."""
    assert [uniform(0, "17", 1, "headers"), uniform(1, "17", 1, "headers")] == [0.5524862319734993, 0.2797767866706606]


def test_each_key_matters():
    """Changing any of the four keys gives another number."""
    draws = {
        uniform(*key)
        for key in [(0, "a", 1, "f"), (1, "a", 1, "f"), (0, "b", 1, "f"), (0, "a", 2, "f"), (0, "a", 1, "g")]
    }
    assert len(draws) == 5


def test_keys_do_not_run_into_each_other():
    """Request "1" attempt 12 is not request "11" attempt 2."""
    assert uniform(0, "1", 12, "f") != uniform(0, "11", 2, "f")


def test_draws_are_uniform():
    """Each tenth of (0, 1) gets its share of 20,000 draws, within five standard deviations."""
    counts = [0] * 10
    for i in range(20_000):
        counts[int(10 * uniform(3, str(i), 1, "x"))] += 1
    assert all(abs(count - 2000) < 5 * (2000 * 0.9) ** 0.5 for count in counts)


def test_draws_do_not_depend_on_the_hash_seed():
    """Python's own hashing is random in every process; ours is not."""
    code = "from harness.draws import uniform; print(uniform(5, 'r', 2, 'stall'))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1", "77")
    }
    assert len(outputs) == 1
