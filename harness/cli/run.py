"""`harness run`: compose, check, play, summarise, report."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

from harness.analysis import finish
from harness.cli.commands import experiment_and_overrides, say, tell
from harness.config import Experiment, combinations, compose
from harness.errors import UserError
from harness.runner import RunResult, check_target, run
from harness.runner.budget import check
from harness.runner.manifest import manifest, now
from harness.storage import RunFolder


def run_experiment(words: list[str], *, as_json: bool) -> int:
    """Play what the words ask for; returns the exit code. Raises UserError for bad settings."""
    name, overrides = experiment_and_overrides(words)
    return play(compose(name, overrides), as_json=as_json)


def multirun(words: list[str], *, as_json: bool) -> int:
    """Play every combination of comma-separated values as a run of its own; the worst exit code wins."""
    name, overrides = experiment_and_overrides(words)
    # Every combination is composed before the first is played, so that a mistake costs nothing.
    experiments = [compose(name, combination) for combination in combinations(overrides)]
    return max(play(experiment, as_json=as_json) for experiment in experiments)


def play(experiment: Experiment, *, as_json: bool) -> int:
    """Play one experiment into its run folder and report it; returns the exit code."""
    from harness.cli.progress import progress_for

    check(experiment, confirm=_ask if sys.stdin.isatty() and sys.stderr.isatty() else None)
    check_target(experiment)
    folder = _open_folder(experiment)
    tell(f"{experiment.name}: {experiment.describe()}\nrun folder: {folder.path}")
    result = RunResult(stopped="the command ended before its time")
    try:
        result = run(experiment, folder, progress_for())
    finally:
        folder.update_manifest(status=result.status, ended=now(), failed_cells=result.failed_cells)
    _explain(result, experiment, folder)
    if next(folder.lines(), None) is None:
        tell("no request was finished, so there is nothing to summarise")
        return result.exit_code
    summary = finish(folder)
    _results(experiment, folder, summary, as_json=as_json)
    return result.exit_code


def _open_folder(experiment: Experiment) -> RunFolder:
    """A new run folder, or with `resume=true` the one that `out` names, whose settings must be the same."""
    if not experiment.settings.resume:
        folder = RunFolder.create(experiment.settings.out, experiment.name)
        folder.write_config(experiment.resolved)
        folder.write_manifest(manifest(experiment))
        return folder
    if experiment.settings.out is None:
        raise UserError("resume=true needs out=DIR, the run folder to continue")
    folder = RunFolder.open(Path(experiment.settings.out))
    changed = sorted(_settings_that_differ(folder.config(), experiment.resolved))
    if changed:
        raise UserError(
            f"{experiment.settings.out} was recorded with other settings ({', '.join(changed)})\n"
            "resume with the same words, or start a new run in another out="
        )
    folder.repair()
    folder.update_manifest(status="running", resumed=now())
    return folder


#: Settings that do not change what a trial records, so a run may be resumed with others.
_FREE_TO_CHANGE = frozenset({"out", "resume", "report", "max_failures", "budget", "trials"})


def _settings_that_differ(before: dict[str, object], after: dict[str, object]) -> set[str]:
    keys = (before.keys() | after.keys()) - _FREE_TO_CHANGE
    return {key for key in keys if before.get(key) != after.get(key)}


def _explain(result: RunResult, experiment: Experiment, folder: RunFolder) -> None:
    for cell, reason in result.failed_cells.items():
        tell(f"cell {cell} failed: {reason}")
    if result.stopped:
        tell(result.stopped)
    if result.interrupted:
        tell("interrupted; what was finished is kept")
    if result.interrupted or result.stopped:
        words = [word for word in experiment.words if not word.startswith(("out=", "resume="))]
        tell(f"continue with: harness run {' '.join([*words, f'out={folder.path}', 'resume=true'])}")


def _results(experiment: Experiment, folder: RunFolder, summary: dict[str, object], *, as_json: bool) -> None:
    from harness.report import headline_text, published_text, write_report

    if as_json:
        say(json.dumps(summary, indent=1, sort_keys=True))
    else:
        say(headline_text(summary))
        published = published_text(experiment.name)
        if published:
            say(f"\n{published}")
    if experiment.settings.report:
        written = write_report(folder, folder.path / "report")
        tell(f"report: {written.index}")
    tell(f"summary: {folder.path / 'summary.json'}")


def _ask(question: str) -> bool:
    with contextlib.suppress(EOFError):
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}
    return False
