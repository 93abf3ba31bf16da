"""The action: its steps, run here as GitHub runs them, but for the installation."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.compare import baseline

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = [step["run"] for step in ACTION["runs"]["steps"] if "env" in step]
RUN, COMPARE, COMMENT = STEPS
JOB = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]["tail"]
WORDS = next(step["with"]["run"] for step in JOB["steps"] if step["uses"] == "./")


def played(folder: Path, words: str, baseline: Path) -> list[int]:
    """Exit codes of the two steps, the second of which runs only after the first."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "WORDS": words, "OUT": "out", "LIMIT": "10", "BASELINE": str(baseline)}
    codes = []
    for script in (RUN, COMPARE):
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


def test_words_are_never_commands(tmp_path):
    """A shell would have made the file."""
    words = "strategy=article_20 'matrix.timeout=[10]' trials=3 report=false $(touch stolen)"
    assert played(tmp_path, words, ROOT / ".github" / "baseline.json") == [2]
    assert not (tmp_path / "stolen").exists()


def test_a_slower_setting_fails_the_job(tmp_path):
    """The same cell on a server that takes three times as long."""
    words = f"{WORDS} profile.headers.median=3"
    assert played(tmp_path, words, ROOT / ".github" / "baseline.json") == [0, 1]
    assert "**FAIL: significantly more than 10 % slower: timeout=10**" in (tmp_path / "out" / "verdict.md").read_text()


def test_this_repositorys_own_job_passes_and_its_baseline_is_equal_everywhere(tmp_path):
    """To the byte: CI runs this with the oldest and the newest Python."""
    assert played(tmp_path, WORDS, ROOT / ".github" / "baseline.json") == [0, 0]
    baseline(tmp_path / "out", tmp_path / "baseline.json")
    assert (tmp_path / "baseline.json").read_bytes() == (ROOT / ".github" / "baseline.json").read_bytes()


@pytest.mark.parametrize(
    ("there", "call"), [("", "api --silent repos/o/r/issues/7/comments"), ("31", "PATCH repos/o/r/issues/comments/31")]
)
def test_the_verdict_is_commented_once(tmp_path, there, call):
    """A comment that is there is replaced; `gh` is one that writes down how it was called."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "verdict.md").write_text("**ok**\n")
    gh = tmp_path / "gh"
    gh.write_text(f'#!/bin/sh\necho "$@" >> calls\ncase "$*" in *--paginate*) echo "{there}";; esac\n')
    gh.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "OUT": "out", "REPOSITORY": "o/r", "NUMBER": "7", "GH_TOKEN": "t"}
    subprocess.run(["bash", "-eo", "pipefail", "-c", COMMENT], cwd=tmp_path, env=env, check=True)
    looked, wrote = (tmp_path / "calls").read_text().splitlines()
    assert looked.startswith("api --paginate repos/o/r/issues/7/comments --jq")
    assert call in wrote
    assert "body=@out/comment.md" in wrote
    assert (tmp_path / "out" / "comment.md").read_text() == "<!-- llm-tail-harness -->\n**ok**\n"
