"""Combinations of `harness run -m` side by side, through the libraries below Hydra's launchers."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
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


@pytest.mark.parametrize(
    ("launcher", "said"),
    [
        (["hydra/launcher=joblib", "hydra.launcher.njobs=2"], "no option hydra.launcher.njobs; did you mean 'n_jobs'?"),
        (
            ["hydra/launcher=joblib", "hydra.launcher.backend=loky"],
            "no option hydra.launcher.backend; there are: n_jobs, verbose",
        ),
        (
            ["hydra/launcher=joblib", "hydra.launcher.n_jobs=0"],
            "hydra.launcher.n_jobs=0: a whole number; n_jobs is how many",
        ),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=1.5"], "hydra.launcher.n_jobs=1.5: a whole number; "),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=true"], "hydra.launcher.n_jobs=True: a whole number; "),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=["], "hydra.launcher.n_jobs=[ is no value of YAML; "),
        (["hydra/launcher=submitit_local", "hydra.launcher.timout=2"], "hydra/launcher=submitit_local: "),
        (["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=x"], "hydra/launcher=submitit_local: "),
    ],
)
def test_an_option_that_the_launcher_lacks_is_one_line(launcher, said, tmp_path, monkeypatch, capsys):
    """And nothing is played."""
    pytest.importorskip("joblib", reason="needs the extra `launchers`: pip install -e '.[launchers]'")
    monkeypatch.chdir(tmp_path)
    assert main(["run", "-m", *TINY, "seed=1,2", *launcher]) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert err.startswith(f"error: {said}")
    assert not (tmp_path / "experiments/article").exists()


@pytest.mark.parametrize(
    ("sbatch", "said"),
    [
        (None, 'Could not detect "srun", are you indeed on a slurm cluster?'),
        ("echo 'sbatch: error: invalid partition' >&2; exit 1", "sbatch: error: invalid partition"),
    ],
)
def test_a_cluster_that_is_not_there_or_refuses_is_one_line(sbatch, said, tmp_path, monkeypatch, capsys):
    """In the words of submitit."""
    pytest.importorskip("submitit", reason="needs the extra `launchers`: pip install -e '.[launchers]'")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=None)
    for name in () if sbatch is None else ("sbatch", "srun"):
        (tmp_path / name).write_text(f"#!/bin/sh\n{sbatch}\n")
        (tmp_path / name).chmod(0o700)
    assert main(["run", "-m", *TINY, "seed=1,2", "hydra/launcher=submitit_slurm"]) == 2
    assert capsys.readouterr() == ("", f"error: hydra/launcher=submitit_slurm: {said}\n")


@pytest.mark.slow
@pytest.mark.parametrize("as_json", [True, False])
def test_a_run_that_is_killed_is_worse_than_any_other_end(as_json, tmp_path, monkeypatch, capfd):
    """Exit 137 as a shell says it; what it had begun to say takes nothing from the others."""
    pytest.importorskip("joblib", reason="needs the extra `launchers`: pip install -e '.[launchers]'")
    monkeypatch.chdir(tmp_path)
    killed = "if 'seed=1' in sys.argv:\n    print('{', flush=True)\n    os.kill(os.getpid(), 9)"
    play = f"import os, sys\nfrom harness.cli import main\n{killed}\nsys.exit(main())\n"
    (tmp_path / "plays.py").write_text(play)
    monkeypatch.setattr("harness.cli.launch._program", lambda: [str(tmp_path / "plays.py")])
    words = ["run", "-m", *(["--json"] if as_json else []), *TINY, "seed=1,2", "profile=calm"]
    assert main([*words, "hydra/launcher=joblib", "hydra.launcher.n_jobs=1"]) == 137
    said = capfd.readouterr()
    assert "Traceback" not in said.err
    assert said.err.count("SIGKILL ended harness run article ") == 1
    if as_json:
        assert [summary["cells"][0]["seeds"] for summary in json.loads(said.out)] == [[2, 3, 4, 5, 6]]


@pytest.mark.slow
def test_what_submitit_warns_of_is_no_result():
    """On standard error alone: `--json` stays JSON."""
    pytest.importorskip("submitit", reason="needs the extra `launchers`: pip install -e '.[launchers]'")
    code = "import logging; from harness.cli.launch import LAUNCHERS; LAUNCHERS['submitit_local']({}); "
    code += "logging.getLogger('submitit').warning('no sacct')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert "no sacct" in done.stderr


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
