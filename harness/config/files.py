"""Where settings are found on disk, and what can be chosen there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.faults import catalogue as faults
from harness.presets import directories, find, load, members, packaged, yaml_error

__all__ = ["GROUPS", "catalogue", "check_syntax", "directories", "find", "load", "members", "packaged", "yaml_error"]

#: Groups of conf/ and the words by which messages and `harness list` call their members.
GROUPS = {
    "experiment": "experiments",
    "strategy": "strategies",
    "profile": "profiles",
    "fault": "faults",
    "workload": "workloads",
    "target": "targets",
}


def check_syntax() -> None:
    """Make sure that every settings file can be read, so that Hydra need not explain one that cannot.

    Raises UserError that names file and line.
    """
    for directory in directories():
        for path in _yaml_files(directory):
            load(path)


def _yaml_files(directory: Path) -> Iterator[Path]:
    return (path for path in sorted(directory.rglob("*.yaml")))


def catalogue() -> dict[str, dict[str, str]]:
    """Everything that can be chosen, by group, with a line about each."""
    groups = {
        words: {name: _about(load(path)) for name, path in members(group).items()}
        for group, words in GROUPS.items()
        if group != "target"
    }
    return groups | {"faults": faults()}


def _about(content: dict[str, Any]) -> str:
    return str(content.get("question") or content.get("description") or "")
