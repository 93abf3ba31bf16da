"""Exports are what other tools read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.report import export
from tests.folders import Totals, made

RUN: Totals = {"slow": [[10.0, 30.0], [20.0, 40.0], [15.0, 25.0]], "fast": [[5.0, 5.0], [10.0, 10.0], [4.0, 6.0]]}


def test_a_cell_is_a_benchmark_and_a_trial_a_round(tmp_path: Path):
    """Totals in seconds, with what pytest-benchmark computes from them."""
    path = export(made(tmp_path / "run", RUN).summary(), "pytest-benchmark", tmp_path)
    slow, fast = json.loads(path.read_text())["benchmarks"]
    assert (slow["fullname"], fast["fullname"]) == ("made::slow", "made::fast")
    assert slow["stats"]["data"] == [40.0, 60.0, 40.0]
    assert (slow["stats"]["rounds"], slow["stats"]["min"], slow["stats"]["max"]) == (3, 40.0, 60.0)
    assert slow["stats"]["mean"] == pytest.approx(46.666666667)
    assert fast["extra_info"] == {"load": 1.0, "failed": 0, "requests": 6}


def test_pytest_benchmark_compares_what_is_exported(tmp_path: Path):
    """Its own command prints both runs of both cells."""
    for number in (1, 2):
        folder = tmp_path / str(number)
        export(made(folder, RUN).summary(), "pytest-benchmark", folder)
    files = [f"{number}/pytest-benchmark.json" for number in (1, 2)]
    code = "from pytest_benchmark.cli import main; main()"
    command = [sys.executable, "-c", code, "compare", *files]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("fast (") == done.stdout.count("slow (") == 2
    assert "60.0000" in done.stdout


def test_equal_runs_are_equal_files(tmp_path: Path):
    """No machine, commit or day is in them."""
    summary = made(tmp_path / "run", RUN).summary()
    (tmp_path / "a").mkdir()
    texts = [export(summary, "pytest-benchmark", place).read_bytes() for place in (tmp_path, tmp_path / "a")]
    assert texts[0] == texts[1]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path):
    """In one line."""
    with pytest.raises(UserError, match="cannot be written"):
        export(made(tmp_path / "run", RUN).summary(), "pytest-benchmark", tmp_path / "nowhere")
