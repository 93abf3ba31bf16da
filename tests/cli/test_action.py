"""The action: its steps, run here as GitHub runs them, but for the installation."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = [step["run"] for step in ACTION["runs"]["steps"] if "env" in step]


def played(folder: Path, words: str, baseline: Path) -> list[int]:
    """Exit codes of the two steps, the second of which runs only after the first."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "WORDS": words, "OUT": "out", "LIMIT": "10", "BASELINE": str(baseline)}
    codes = []
    for script in STEPS:
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script], cwd=folder, env=env, capture_output=True, check=False
        )
        codes.append(done.returncode)
        if done.returncode:
            break
    return codes


def test_every_input_is_used():
    """And every one that is used exists."""
    text = (ROOT / "action.yml").read_text()
    assert all(f"inputs.{name} " in text for name in ACTION["inputs"])
    assert len(STEPS) == 2


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        ("strategy=article_10 'matrix.timeout=[10]' trials=5 workload.batches=3 report=false", [0, 0]),
        ("strategy=article_20 'matrix.timeout=[10]' trials=3 report=false $(touch stolen)", [2]),
    ],
)
def test_the_steps_do_what_they_say(tmp_path, words, codes):
    """This repository's own job: equal to the committed baseline; words are never commands."""
    assert played(tmp_path, words, ROOT / ".github" / "baseline.json") == codes
    assert not (tmp_path / "stolen").exists()


def test_a_slower_setting_fails_the_job(tmp_path):
    """The same cell on a server that takes three times as long."""
    words = (
        "strategy=article_10 'matrix.timeout=[10]' trials=5 workload.batches=3 report=false profile.headers.median=3"
    )
    assert played(tmp_path, words, ROOT / ".github" / "baseline.json") == [0, 1]
