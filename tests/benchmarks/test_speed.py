"""How fast the harness itself is.

    pytest tests/benchmarks/test_speed.py -m bench --benchmark-enable

Whole commands are timed as processes; what is compared is compared within one run, as a ratio.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.config import compose
from harness.runner import open_folder, run

pytestmark = pytest.mark.bench

_numbers = itertools.count()


def command(folder: Path, *words: str) -> Callable[[], None]:
    """A whole `harness` command, each call into a run folder of its own."""

    def called() -> None:
        out = [f"out={folder / str(next(_numbers))}"] if words[0] == "run" else []
        subprocess.run([sys.executable, "-m", "harness", *words, *out], check=True, capture_output=True)

    return called


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["--help"], id="help"),
        pytest.param(["list"], id="list"),
        pytest.param(["run", "article", "trials=1", "report=false"], id="article-1-trial"),
        pytest.param(["run", "article", "trials=1"], id="article-1-trial-and-report"),
        pytest.param(["run", "article"], id="article-default"),
    ],
)
def test_whole_commands(benchmark, tmp_path: Path, words):
    """From the shell's point of view, start-up included."""
    benchmark.pedantic(command(tmp_path, *words), rounds=3, warmup_rounds=1)


def seconds(folder: Path, *words: str) -> float:
    """Real seconds to play 1,000 requests in this process."""
    out = f"out={folder / str(next(_numbers))}"
    experiment = compose(None, ["strategy=article_10", "engine=local", *words, out])
    run_folder = open_folder(experiment)
    before = time.perf_counter()
    run(experiment, run_folder)
    return time.perf_counter() - before


@pytest.mark.parametrize(
    ("name", "words", "than"),
    [
        ("batches of 1,000 / batches of 100", ["matrix.batch_size=[1000]"], ["matrix.batch_size=[100]"]),
        ("in-memory sockets / direct", ["network=memory"], ["network=direct"]),
        ("streamed / plain", ["strategy.stream=true"], ["strategy.stream=false"]),
    ],
)
def test_seconds_per_1000_requests(benchmark, tmp_path: Path, capsys, name, words, than):
    """The ratio of medians of three, taken in turn so that a drift of the machine hits both."""
    pairs = benchmark.pedantic(
        lambda: [(seconds(tmp_path, *words), seconds(tmp_path, *than)) for _ in range(3)], rounds=1
    )
    first, second = (sorted(values)[1] for values in zip(*pairs, strict=True))
    assert first > 0
    benchmark.extra_info[name] = first / second
    with capsys.disabled():
        print(f"\n{name}: {first:.2f} s / {second:.2f} s = {first / second:.2f}")
