"""Combinations of `harness run -m` side by side, through the libraries below Hydra's launchers."""

from __future__ import annotations

import json
import multiprocessing
import sys

import pytest

from harness.cli import main
from harness.cli.launch import split
from harness.errors import UserError

TINY = ("workload.batches=1", "workload.batch_size=5", "report=false", "article")


def test_a_launcher_and_its_options_are_told_from_settings():
    """Options are read as YAML."""
    words = ["article", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "trials=3"]
    assert split(words) == ("joblib", {"n_jobs": 2}, ["article", "trials=3"])


def test_the_basic_launcher_is_none():
    """Hydra's own, which plays one after the other."""
    assert split(["hydra/launcher=basic", "trials=3"]) == (None, {}, ["trials=3"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["hydra/launcher=jobib"], "no launcher named 'jobib'; did you mean 'joblib'"),
        (["hydra.launcher.n_jobs=2"], "hydra.launcher.n_jobs needs hydra/launcher="),
    ],
)
def test_what_launches_nothing_is_refused(words, said):
    """In one line."""
    with pytest.raises(UserError, match=said):
        split(words)


def test_a_library_that_is_missing_is_one_line(monkeypatch, capsys):
    """With the command that installs it, and nothing is played."""
    monkeypatch.setitem(sys.modules, "joblib", None)
    assert main(["run", "-m", *TINY, "seed=1,2", "hydra/launcher=joblib"]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == (
        "",
        "error: hydra/launcher=joblib needs joblib: pip install 'llm-tail-harness[launchers]'\n",
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "launcher"),
    [("joblib", ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]), ("submitit", ["hydra/launcher=submitit_local"])],
)
def test_runs_side_by_side_have_folders_and_summaries_of_their_own(library, launcher, tmp_path, monkeypatch, capfd):
    """In the order of the combinations, and the worst exit code wins."""
    pytest.importorskip(library, reason="needs the extra `launchers`: pip install -e '.[launchers]'")
    monkeypatch.chdir(tmp_path)
    before = multiprocessing.active_children()
    words = ["run", "-m", "--json", *TINY, "seed=1,2", "max_failures=0", "profile=calm", "fault=status_error"]
    assert main([*words, "fault.probability=0.000001,1", *launcher]) == 3
    summaries = json.loads(capfd.readouterr().out)
    # What max_failures stopped has no whole trial.
    assert [summary["cells"][0]["seeds"][:1] for summary in summaries] == [[1], [], [2], []]
    assert len(list(tmp_path.glob("experiments/article/runs/*/summary.json"))) == 4
    # joblib's own processes would stay for five minutes.
    assert multiprocessing.active_children() == before
