"""Settings by name: the files that come with the harness and the user's own, and the strategies in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from harness.errors import UserError, did_you_mean
from harness.faults import catalogue as faults
from harness.places import directories, members, packaged
from harness.strategies import ADAPTER, Played, Strategy
from harness.validation import validation_error

__all__ = [
    "GROUPS",
    "catalogue",
    "directories",
    "find",
    "load",
    "members",
    "packaged",
    "played_strategy",
    "strategy_named",
    "yaml_error",
]

#: Groups of conf/ and the words by which messages and `harness list` call their members.
GROUPS = {
    "experiment": "experiments",
    "strategy": "strategies",
    "profile": "profiles",
    "fault": "faults",
    "workload": "workloads",
    "target": "targets",
}

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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


def strategy_named(name: str) -> Strategy:
    """The strategy in `strategy/NAME.yaml`, packaged or in `./conf`.

    Raises UserError with one line: the nearest name for an unknown one, or what is wrong in the file.
    """
    try:
        return ADAPTER.validate_python(load(find("strategy", name)))
    except ValidationError as error:
        raise validation_error(error, f"strategy {name}", Strategy) from None


def played_strategy(strategy: str | Strategy) -> Played:
    """A strategy, by name or as it is, that the harness plays by itself. Raises UserError for the SDK's own kind."""
    found = strategy_named(strategy) if isinstance(strategy, str) else strategy
    if isinstance(found, Played):
        return found
    raise UserError(
        f"strategy '{found.name}' is played by the SDK itself; give its timeout and max_retries to the SDK's client, "
        "or choose another strategy"
    )
