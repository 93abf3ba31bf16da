"""Experiments small enough to be played in every test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.config import Experiment, compose
from harness.records import Outcome
from harness.runner import RunResult, open_folder, run
from harness.storage import RunFolder

SMALL = ["workload.batches=2", "workload.batch_size=5", "trials=2"]

PlayFn = Callable[..., tuple[RunResult, RunFolder]]


@pytest.fixture
def small() -> Callable[..., Experiment]:
    """Compose an experiment of two batches of five requests, two trials."""

    def composed(*overrides: str, name: str | None = "article") -> Experiment:
        return compose(name, [*SMALL, *overrides])

    return composed


@pytest.fixture
def play(tmp_path: Path, small: Callable[..., Experiment]) -> PlayFn:
    """Play a small experiment into a folder of its own."""

    def played(*overrides: str, name: str | None = "article", out: str = "run", listener=None):
        experiment = small(*overrides, f"out={tmp_path / out}", name=name)
        folder = open_folder(experiment)
        return run(experiment, folder, listener), folder

    return played


def outcomes(folder: RunFolder) -> list[Outcome]:
    """Everything a folder holds; refuses an empty one."""
    found = list(folder.outcomes())
    assert found
    return found
