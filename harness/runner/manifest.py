"""Where a run came from: versions, commit, host, clock, seeds, target. Never a secret."""

from __future__ import annotations

import platform
import shlex
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from harness import __version__
from harness.config import Cell, Experiment
from harness.records import SCHEMA_VERSION

PACKAGES = ("openai", "httpx2", "httpcore2", "tenacity", "hydra-core", "pandas", "numpy", "matplotlib", "httptools")


def manifest(experiment: Experiment) -> dict[str, Any]:
    """The provenance of a run that starts now."""
    return {
        "schema": SCHEMA_VERSION,
        "experiment": experiment.name,
        "question": experiment.settings.question,
        "status": "running",
        "started": now(),
        "ended": None,
        "command": command(experiment),
        "clock": experiment.clock,
        "network": experiment.settings.network if experiment.clock == "virtual" else "tcp",
        "time_scale": experiment.settings.time_scale,
        "seeds": list(experiment.seeds),
        "target": {
            "kind": experiment.settings.target.kind,
            "base_url": without_credentials(experiment.settings.target.base_url),
            "model": experiment.settings.target.model,
        },
        "versions": {"harness": __version__, "python": platform.python_version(), **_versions()},
        "git_commit": git_commit(),
        "host": {"name": platform.node(), "system": platform.platform(), "machine": platform.machine()},
        "failed_cells": {},
        "reference": experiment.reference,
        **({"files": files} if (files := experiment.settings.workload.files) else {}),
        "profiles": _profiles(experiment),
        "cells": [_about(cell, experiment) for cell in experiment.cells],
    }


def _about(cell: Cell, experiment: Experiment) -> dict[str, Any]:
    """What the summary says of a cell beside its figures."""
    return {
        "cell": cell.name,
        "axes": cell.axes,
        "strategy": asdict(cell.strategy),
        "workload": cell.workload.name,
        "requests_per_trial": len(cell.workload),
        "batch_size": cell.batch_size,
        "max_tokens": cell.workload.max_tokens,
        **_of_open_loop(cell),
        "slo_s": cell.workload.slo_s,
        "profile": cell.profile.name,
        "target": experiment.settings.target.kind,
    }


def _of_open_loop(cell: Cell) -> dict[str, Any]:
    """How requests come where they come of themselves, and whether their answers differ in length; else nothing."""
    arrivals = cell.workload.arrivals
    differ = {"answers_differ": True} if cell.workload.answers_differ else {}
    return differ if arrivals is None else {"arrivals": arrivals.words, **differ}


def _profiles(experiment: Experiment) -> list[dict[str, Any]]:
    """What the run's own mock plays, each profile once; nothing is known of those that other servers have."""
    if experiment.settings.target.kind != "mock" or experiment.settings.target.base_url:
        return []
    return list({cell.profile.name: cell.profile.to_dict() for cell in experiment.cells}.values())


def command(experiment: Experiment) -> str:
    """The command that plays the same experiment again."""
    return shlex.join(["harness", "run", *experiment.words])


def now() -> str:
    """The time of day in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def without_credentials(url: str | None) -> str | None:
    """A URL without user, password, query or fragment, any of which can carry a secret."""
    if url is None:
        return None
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_commit() -> str | None:
    """The commit of the harness's own checkout, with `+` when it has changes; None outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - a constant command
            ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],  # noqa: S607 - found on PATH like any user's git
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
