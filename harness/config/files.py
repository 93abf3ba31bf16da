"""Where settings are found on disk, and whether they can be read."""

from __future__ import annotations

from harness.presets import GROUPS, directories, find, load, members, packaged, yaml_error

__all__ = ["GROUPS", "check_syntax", "directories", "find", "load", "members", "packaged", "yaml_error"]


def check_syntax() -> None:
    """Make sure that every settings file can be read, so that Hydra need not explain one that cannot.

    Raises UserError that names file and line.
    """
    for directory in directories():
        for path in sorted(directory.rglob("*.yaml")):
            load(path)
