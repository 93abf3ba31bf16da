"""Runs side by side, ended together: each is a command that has to be told."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.endurance.commands import PATIENCE_S, started, status, waited_for, written

#: Answers after a second each, so that a run is surely under way when it is ended.
LONG = ["article", "clock=real", "profile=instant", "profile.first_content={kind: constant, value: 1}", "trials=1"]
LONG += ["workload.batches=600", "workload.batch_size=1"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm where ctrl-c is ignored"])
@pytest.mark.parametrize(
    ("library", "launcher"),
    [
        ("joblib", ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]),
        ("joblib", ["hydra/launcher=joblib", "hydra.launcher.n_jobs=1"]),
        ("submitit", ["hydra/launcher=submitit_local"]),
    ],
    ids=["joblib", "one at a time", "submitit"],
)
def test_an_interrupt_ends_every_run_as_it_would_end_one(library, launcher, number, tmp_path: Path):
    """Each reports what it finished; what joblib's say is shown, and what has not begun does not begin."""
    pytest.importorskip(library, reason="needs the extra `launchers`: pip install -e '.[launchers]'")
    begun = 1 if "hydra.launcher.n_jobs=1" in launcher else 2
    seeds = "seed=1,2" if library == "submitit" else "seed=1,2,3"
    heard = signal.default_int_handler if number == signal.SIGINT else signal.SIG_IGN
    process = started(
        tmp_path,
        ["run", "-m", *LONG, seeds, *launcher],
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, heard),
    )

    def under_way() -> list[Path]:
        found = tmp_path.glob("experiments/article/runs/*/records.jsonl")
        return [records.parent for records in found if written(records.parent)]

    assert waited_for(lambda: len(under_way()) == begun, process)
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert err.endswith("interrupted\n")
    for folder in under_way():
        # The jobs of submitit end by themselves, after the command.
        assert waited_for(lambda folder=folder: (folder / "report/index.html").is_file())
        assert status(folder) == "interrupted"
    assert len(under_way()) == begun
    if library == "joblib":
        assert err.count("interrupted; what was finished is kept") == err.count("continue with: harness run") == begun
