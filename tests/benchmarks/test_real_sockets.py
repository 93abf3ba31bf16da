"""Real sockets against virtual time: the same cells, seeds and servers, every time halved.

    pytest tests/benchmarks/test_real_sockets.py -m bench --benchmark-enable

Prints, for article_10 and article_20 over three batches of 100, how far the totals and the batches of a run over TCP to
a server in another process are from those in virtual time. Takes about 45 s, most of it waiting.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.analysis import finish, frames
from harness.config import compose
from harness.runner import open_folder, run
from tests.benchmarks import figures

pytestmark = pytest.mark.bench

WORDS = ["matrix.strategy=[article_10,article_20]", "workload.batches=3", "time_scale=0.5", "trials=1", "seed=109"]


def play(clock: str, folder: Path):
    experiment = compose("article", [*WORDS, f"clock={clock}", f"out={folder}"])
    run_folder = open_folder(experiment)
    assert run(experiment, run_folder).exit_code == 0
    finish(run_folder)
    return frames(run_folder).batches.set_index(["cell", "batch"])["makespan_s"]


def test_real_sockets_agree_with_virtual_time(benchmark, tmp_path: Path, capsys):
    """The comparison is printed; that both played every batch is what is asserted."""
    virtual = play("virtual", tmp_path / "virtual")
    real = benchmark.pedantic(play, args=("real", tmp_path / "real"), rounds=1)
    assert list(real.index) == list(virtual.index)
    assert len(real) == 6
    with capsys.disabled():
        print("\n\ncell        batch  virtual s   real s  difference s")
        for (cell, batch), makespan in virtual.items():
            found = real[cell, batch]
            print(f"{cell:<11} {batch + 1:>5} {makespan:>10.3f} {found:>8.3f} {found - makespan:>+13.3f}")
        for cell in ("article_10", "article_20"):
            total, found = virtual[cell].sum(), real[cell].sum()
            print(f"{cell:<11} total {total:>10.3f} {found:>8.3f} {found - total:>+13.3f} ({found / total - 1:+.1%})")
    later = real - virtual
    figures.add(
        benchmark,
        "sockets",
        [
            {
                "cell": cell,
                "least_s": later[cell].min(),
                "most_s": later[cell].max(),
                "total_percent": 100 * (real[cell].sum() / virtual[cell].sum() - 1),
            }
            for cell in ("article_10", "article_20")
        ],
    )
