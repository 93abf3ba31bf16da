"""Very many requests over real sockets leave memory, file descriptors and tasks as they were."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.config import compose
from harness.records import Outcome
from harness.runner import Silent, open_folder, run

#: Samples over a run, and requests in flight.
SAMPLES, IN_FLIGHT = 40, 100
_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


@dataclass(frozen=True)
class Sample:
    """What the client's process holds after so many requests."""

    requests: int
    rss_kib: int
    descriptors: int
    tasks: int

    @classmethod
    def now(cls, requests: int) -> Sample:
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_KIB
        return cls(requests, resident, len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks()))


class Sampler(Silent):
    """Takes a sample now and then, inside of the loop that plays."""

    def __init__(self, requests: int) -> None:
        self._every = requests // SAMPLES
        self._ended = 0
        self.failed = 0
        self.samples: list[Sample] = []

    def finished(self, outcome: Outcome) -> None:
        self._ended += 1
        self.failed += not outcome.ok
        if self._ended % self._every == 0:
            self.samples.append(Sample.now(self._ended))


def soaked(where: Path, requests: int, transport: str) -> list[Sample]:
    """Samples along one trial of so many requests against the mock in another process, once all is imported."""
    played(where / "first", 2 * IN_FLIGHT, transport)
    return played(where / transport, requests, transport)


def played(out: Path, requests: int, transport: str) -> list[Sample]:
    words = [
        "strategy=sdk_default", "strategy.dispatch=window", f"strategy.transport={transport}", "profile=instant",
        # Answers that take a while keep the window full: how many are in flight would wander otherwise.
        "profile.first_content={kind: constant, value: 0.3}",
        f"workload.batches={requests // IN_FLIGHT}", f"workload.batch_size={IN_FLIGHT}", "clock=real", "report=false",
        f"out={out}",
    ]  # fmt: skip
    experiment = compose(None, words)
    sampler = Sampler(requests)
    descriptors = len(os.listdir("/proc/self/fd"))
    result = run(experiment, open_folder(experiment), sampler)
    assert (result.exit_code, sampler.failed) == (0, 0)
    assert len(sampler.samples) == SAMPLES
    # One holds the folder until the run is collected.
    assert out.name == "first" or len(os.listdir("/proc/self/fd")) <= descriptors + 1
    return sampler.samples


def told(samples: list[Sample], transport: str) -> None:
    for sample in samples[:: SAMPLES // 8]:
        print(
            f"{transport}: {sample.requests:>7,} requests, {sample.rss_kib / 1024:6.1f} MiB, "
            f"{sample.descriptors} descriptors, {sample.tasks} tasks"
        )


def assert_flat(samples: list[Sample], *, bytes_a_request: float) -> None:
    """The last quarter holds what the second did, but for so many bytes for each request between the two."""
    second, last = (samples[i * SAMPLES // 4 : (i + 1) * SAMPLES // 4] for i in (1, 3))
    for quantity in ("descriptors", "tasks"):
        most = max(getattr(sample, quantity) for sample in second)
        assert max(getattr(sample, quantity) for sample in last) <= most + IN_FLIGHT // 4, quantity
    between = last[-1].requests - second[-1].requests
    grown = max(sample.rss_kib for sample in last) - max(sample.rss_kib for sample in second)
    assert grown * 1024 <= bytes_a_request * between + (4 << 20), f"{grown} KiB in {between:,} requests"


def test_a_leak_would_be_seen():
    """A descriptor in a hundred requests, a task in ten, a KiB a request."""
    flat = [Sample(n * 5_000, 200_000, 120, 103) for n in range(SAMPLES)]
    assert_flat(flat, bytes_a_request=100)
    for leak in (
        lambda one: Sample(one.requests, one.rss_kib, one.descriptors + one.requests // 100, one.tasks),
        lambda one: Sample(one.requests, one.rss_kib, one.descriptors, one.tasks + one.requests // 10),
        lambda one: Sample(one.requests, one.rss_kib + one.requests, one.descriptors, one.tasks),
    ):
        with pytest.raises(AssertionError):
            assert_flat([leak(one) for one in flat], bytes_a_request=100)


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["httpx2", "aiohttp", "asyncio"])
def test_thousands_of_requests_over_sockets_leave_nothing_behind(tmp_path: Path, transport):
    """Of a run this short memory says little: what is allowed is what the lists of a loop take while they grow."""
    samples = soaked(tmp_path, 4_000, transport)
    told(samples, transport)
    assert_flat(samples, bytes_a_request=4_000)


@pytest.mark.soak
@pytest.mark.parametrize("transport", ["httpx2", "aiohttp", "asyncio"])
def test_two_hundred_thousand_requests_over_sockets_leave_nothing_behind(tmp_path: Path, transport):
    """Many minutes. What is on disk is known by its digests, which take some tens of bytes a request."""
    samples = soaked(tmp_path, 200_000, transport)
    told(samples, transport)
    assert_flat(samples, bytes_a_request=200)
