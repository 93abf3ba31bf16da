"""The folder of a run: a new one, or the one that is resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.config import Experiment
from harness.errors import UserError, writing
from harness.runner.lock import hold
from harness.runner.manifest import manifest, now
from harness.storage import RunFolder


def open_folder(experiment: Experiment) -> RunFolder:
    """A new run folder, or with `resume=true` the one that `out` names, whose settings must be the same.

    No other process can open it so for as long as the object lives. Raises UserError.
    """
    out, begun = experiment.settings.out, experiment.settings.resume
    if begun and out is None:
        raise UserError("resume=true needs out=DIR, the run folder to continue")
    if not begun or RunFolder(Path(str(out))).is_stillborn:
        folder = RunFolder.create(out, experiment.name)
        hold(folder)
        folder.rotate_bytes = experiment.settings.records.rotate_bytes
        folder.write_config(experiment.resolved)
        folder.write_manifest(manifest(experiment))
        return folder
    folder = RunFolder.open(Path(str(out)))
    hold(folder)
    folder.rotate_bytes = experiment.settings.records.rotate_bytes
    changed = sorted(
        _settings_that_differ(folder.config(), experiment.resolved)
        | _files_that_differ(folder.manifest(), json.loads(json.dumps(manifest(experiment))))
    )
    if changed:
        raise UserError(
            f"{experiment.settings.out} was recorded with other settings ({', '.join(changed)})\n"
            "resume with the same words, or start a new run in another out="
        )
    with writing(folder.path):
        folder.repair()
    # More trials are welcome, and whoever watches the run counts them.
    seeds = max(list(experiment.seeds), folder.manifest()["seeds"], key=len)
    folder.update_manifest(status="running", resumed=now(), seeds=seeds)
    return folder


#: Settings that do not change what a trial records, so a run may be resumed with others.
_FREE_TO_CHANGE = frozenset(
    {"out", "resume", "report", "records", "engine", "cluster", "max_failures", "budget", "trials", "precision"}
)


#: Settings that there were none of before, with what they would have been.
_ONCE = {"shards": "auto", "event_loop": "auto"}


def _settings_that_differ(before: dict[str, object], after: dict[str, object]) -> set[str]:
    before = {**_ONCE, **before}
    keys = (before.keys() | after.keys()) - _FREE_TO_CHANGE
    return {key for key in keys if before.get(key) != after.get(key)}


#: Settings that strategies have gained, with what runs of before had.
_SINCE = {"transport": "httpx2", "stagger_s": 0.0, "sdk_models": False}


def _files_that_differ(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """What the names in a matrix stand for, which the settings do not spell out."""
    names = [({**_SINCE, **cell["strategy"]}, cell["profile"]) for cell in before["cells"]]
    # Runs of before the manifest held profiles can be resumed on trust.
    known = before.get("profiles", after["profiles"])
    changed = set()
    if names != [(cell["strategy"], cell["profile"]) for cell in after["cells"]]:
        changed.add("matrix")
    if before.get("files", {}) != after.get("files", {}):
        changed.add("what is in the files of the workload")
    return changed | ({"profiles"} if known != after["profiles"] else set())
