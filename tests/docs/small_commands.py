"""Documented commands made small, so that a test can run them all: only what makes them long is changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from shell_words import Step
from stand_ins import is_synopsis, plays

from harness.config.files import find, load
from harness.places import members

#: So small is each run: enough attempts for `harness tune`, which wants twenty.
REQUESTS, TRIALS, MORE_TRIALS, TIME_SCALE = 12, 2, 3, 0.001
#: An axis with more values is cut to its first ones, since cells multiply.
MOST_VALUES, KEPT_VALUES = 12, 3


def small(step: Step, api: str) -> Step:
    """The same command, but small: fewer requests, trials and cells, time that flies, and `api` for all APIs."""
    command = step.words[1:2]
    if is_synopsis(step):
        # A synopsis: the subcommand exists, and says the same of itself.
        return replace(step, words=(*step.words[:2], "--help"))
    if len(step.words) == 2 and not _runs_alone(step.words[1]):
        # Its name in running text.
        return replace(step, words=(*step.words, "--help"))
    if plays(step) and "--dry-run" not in step.words:
        return replace(step, words=("harness", *_small_run(step.words[1:], api)))
    if "--trial" in step.words:
        place = step.words.index("--trial") + 1
        return replace(step, words=(*step.words[:place], str(TRIALS - 1), *step.words[place + 1 :]))
    if command == ("serve",):
        return replace(step, words=(*_without(step.words, {"port", "host", "allow_remote"}), "port=0"))
    return step


def _runs_alone(word: str) -> bool:
    return word.startswith("-") or word in {"run", "serve", "list", "doctor"}


def _small_run(words: Sequence[str], api: str) -> list[str]:
    given = {key: value for key, _, value in (word.partition("=") for word in words)}
    changes: dict[str, object] = {"workload.batches": 1, "workload.batch_size": REQUESTS}
    if "workload.duration_s" in given or "kind: trace" in given.get("workload.arrivals", ""):
        # They say themselves how many requests there are.
        changes = {}
    if given.get("trials") == "auto":
        changes["precision.max_trials"] = MORE_TRIALS
    else:
        changes["trials"] = MORE_TRIALS if given.get("resume") == "true" else TRIALS
    if given.get("clock") == "real":
        changes["time_scale"] = TIME_SCALE
    if given.get("target") == "openai" or "target.base_url" in given:
        changes["target.base_url"] = api
    if "report" not in given:
        changes["report"] = "false"
    changes |= _small_matrix(words, given)
    return [*_without(words, changes), *(f"{key}={value}" for key, value in changes.items())]


def _small_matrix(words: Sequence[str], given: Mapping[str, str]) -> dict[str, object]:
    """Axes that would make too many cells, or slices larger than the workload."""
    changes: dict[str, object] = {}
    name = next((word for word in words if word in members("experiment")), None)
    matrix = load(find("experiment", name)).get("matrix", {}) if name else {}
    for axis, values in matrix.items():
        if axis not in {"include", "exclude"} and f"matrix.{axis}" not in given and len(values) > MOST_VALUES:
            changes[f"matrix.{axis}"] = f"[{','.join(json.dumps(value) for value in values[:KEPT_VALUES])}]"
    if "batch_size" in matrix or "matrix.batch_size" in given:
        changes["matrix.batch_size"] = f"[{REQUESTS // 3},{REQUESTS}]"
    if changes:
        # It may name a cell that is left out.
        changes["reference"] = "null"
    return changes


def _without(words: Sequence[str], keys: Mapping[str, object] | set[str]) -> list[str]:
    return [word for word in words if word.partition("=")[0] not in keys]
