"""Totals of workloads whose times are known."""

import heapq

import numpy as np
import pytest

from harness.simulation.dispatch import gathered, windowed


def test_batches_take_as_long_as_their_slowest():
    """Two batches of two, and a last one of one."""
    times = np.array([[1.0, 2, 3, 1, 5], [1, 1, 1, 1, 1]])
    assert gathered(times, 2).tolist() == [10, 3]


def test_a_window_begins_the_next_where_one_has_ended():
    """Two at once: 3 and 1, then 1 behind the 1, then 4 behind the second 1."""
    assert windowed(np.array([[3.0, 1, 1, 4]]), 2).tolist() == [6]


def test_a_window_as_large_as_the_workload_takes_as_long_as_its_slowest():
    """Nothing waits."""
    assert windowed(np.array([[3.0, 1, 1, 4]]), 9).tolist() == [4]


@pytest.mark.parametrize("in_flight", [1, 7, 100])
def test_windows_of_many_trials_are_those_of_one_after_the_other(in_flight):
    """Against a heap that schedules request by request."""
    times = np.random.default_rng(7).lognormal(0, 1, (5, 300))

    def scheduled(row: list[float]) -> float:
        free = row[:in_flight]
        heapq.heapify(free)
        for time in row[in_flight:]:
            heapq.heapreplace(free, free[0] + time)
        return max(free)

    assert windowed(times, in_flight).tolist() == pytest.approx([scheduled(row) for row in times.tolist()], abs=1e-9)
