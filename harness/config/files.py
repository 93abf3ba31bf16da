"""Where settings are found on disk, and what can be chosen there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from harness.config.errors import did_you_mean
from harness.errors import UserError
from harness.faults import catalogue as faults

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

#: Groups of conf/ and the words by which messages and `harness list` call their members.
GROUPS = {
    "experiment": "experiments",
    "strategy": "strategies",
    "profile": "profiles",
    "workload": "workloads",
    "target": "targets",
}


def packaged() -> Path:
    """The settings that come with the harness.

    A checkout's own `conf` comes first: an editable install leaves a stale copy of it in site-packages.
    """
    package = Path(__file__).resolve().parents[1]
    for place in (package.parent / "conf", package / "conf"):
        if (place / "config.yaml").is_file():
            return place
    raise FileNotFoundError(f"no conf/config.yaml beside {package}")


def directories() -> list[Path]:
    """The packaged settings, and the `conf` folder of the current directory when that is another one."""
    own = Path.cwd() / "conf"
    found = packaged()
    return [found, own] if own.is_dir() and own.resolve() != found else [found]


def members(group: str) -> dict[str, Path]:
    """The files of a group by name; the user's own come behind, and do not replace packaged ones."""
    found: dict[str, Path] = {}
    for directory in directories():
        for path in sorted((directory / group).glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found


def find(group: str, name: str) -> Path:
    """The file of a member. Raises UserError with the nearest name."""
    known = members(group)
    if name not in known:
        raise UserError(f"no {group} named '{name}'{did_you_mean(name, known)}")
    return known[name]


def load(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises UserError that names file and line."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader, in C where there is one
    except yaml.YAMLError as error:
        raise yaml_error(error, path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected key: value lines")
    return content


def yaml_error(error: yaml.YAMLError, path: Path) -> UserError:
    """What is wrong with a YAML file, with its line."""
    mark = getattr(error, "problem_mark", None)
    place = f"{path}, line {mark.line + 1}" if mark is not None else str(path)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return UserError(f"{place}: not valid YAML: {problem}")


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
