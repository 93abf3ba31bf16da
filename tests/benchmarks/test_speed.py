"""How fast the harness itself is.

    pytest tests/benchmarks/test_speed.py -m bench --benchmark-enable

Whole commands are timed as processes; what is compared is compared within one run, as a ratio.
"""

from __future__ import annotations

import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.config import compose
from harness.runner import open_folder, run
from tests.benchmarks import figures

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
        pytest.param(["run", "workload=smoke", "report=false"], id="smoke"),
        pytest.param(["list"], id="list"),
        pytest.param(["run", "article", "trials=1", "report=false"], id="article-1-trial"),
        pytest.param(["run", "article", "trials=1"], id="article-1-trial-and-report"),
        pytest.param(["run", "article"], id="article-default"),
        pytest.param(["compare", *["experiments/article/results"] * 2], id="compare-3-cells"),
        pytest.param(["compare", *["experiments/fault_matrix/results"] * 2], id="compare-936-cells"),
    ],
)
def test_whole_commands(benchmark, tmp_path: Path, words):
    """From the shell's point of view, start-up included."""
    benchmark.pedantic(command(tmp_path, *words), rounds=figures.rounds(3), warmup_rounds=1)
    handed_on(benchmark, " ".join(["harness", *words]))


def test_tune(benchmark, tmp_path: Path):
    """Of a run without any timeout, which is what it is for."""
    run_folder = str(tmp_path / "run")
    played = ["run", "strategy=article_none", "trials=1", "report=false", f"out={run_folder}"]
    subprocess.run([sys.executable, "-m", "harness", *played], check=True, capture_output=True)
    benchmark.pedantic(command(tmp_path, "tune", run_folder), rounds=figures.rounds(3), warmup_rounds=1)
    handed_on(benchmark, "harness tune RUN_DIR")


def handed_on(benchmark, words: str) -> None:
    """The median of a command's rounds as a row."""
    figures.add(benchmark, "commands", [{"command": words, "seconds": benchmark.stats.stats.median}])


@pytest.mark.parametrize("module", ["harness", "harness.cli", "harness.config", "harness.llm", "harness.analysis"])
def test_imports(benchmark, capsys, module):
    """Seconds of the import alone in a fresh Python, and how many modules it brings; the median of five."""
    code = "import sys, time; a = time.perf_counter(); import {}; print(time.perf_counter() - a, len(sys.modules))"

    def once() -> tuple[float, int]:
        said = subprocess.run([sys.executable, "-c", code.format(module)], check=True, capture_output=True, text=True)
        took, modules = said.stdout.split()
        return float(took), int(modules)

    once()
    found = benchmark.pedantic(lambda: sorted(once() for _ in range(figures.rounds(5))), rounds=1)
    took, modules = found[len(found) // 2]
    assert modules > 0
    figures.add(benchmark, "imports", [{"module": module, "seconds": took, "modules": modules}])
    with capsys.disabled():
        print(f"\nimport {module}: {took:.3f} s, {modules} modules")


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
        lambda: [(seconds(tmp_path, *words), seconds(tmp_path, *than)) for _ in range(figures.rounds(3))], rounds=1
    )
    first, second = (statistics.median(values) for values in zip(*pairs, strict=True))
    assert first > 0
    figures.add(
        benchmark, "virtual", [{"comparison": name, "first_s": first, "second_s": second, "ratio": first / second}]
    )
    with capsys.disabled():
        print(f"\n{name}: {first:.2f} s / {second:.2f} s = {first / second:.2f}")
