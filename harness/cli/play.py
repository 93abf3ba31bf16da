"""`harness run`: compose, check, play, summarise, report."""

from __future__ import annotations

import contextlib
import shlex
import sys
from functools import partial

from harness.analysis import finish
from harness.cli.output import say, say_json, tell
from harness.config import Experiment, combinations, compose
from harness.errors import UserError
from harness.runner import RunResult, check_target, run_until_precise
from harness.runner.budget import check
from harness.runner.folder import open_folder
from harness.runner.manifest import now
from harness.storage import RunFolder


def run_experiment(words: list[str], *, as_json: bool, export: str | None = None) -> int:
    """Play what the words ask for; returns the exit code. Raises UserError for bad settings."""
    name, overrides = experiment_and_overrides(words)
    return play(compose(name, overrides), as_json=as_json, export=export)


def multirun(words: list[str], *, as_json: bool, export: str | None = None) -> int:
    """Play every combination of comma-separated values as a run of its own; the worst exit code wins."""
    name, overrides = experiment_and_overrides(words)
    # Every combination is composed before the first is played, so that a mistake costs nothing.
    experiments = [compose(name, combination) for combination in combinations(overrides)]
    return max(play(experiment, as_json=as_json, export=export) for experiment in experiments)


def play(experiment: Experiment, *, as_json: bool, export: str | None = None) -> int:
    """Play one experiment into its run folder and report it; returns the exit code."""
    from harness.cli.progress import progress, working

    ceiling = check(experiment, confirm=_ask if sys.stdin.isatty() and sys.stderr.isatty() else None)
    check_target(experiment)
    if experiment.settings.target.kind != "mock":
        tell(f"this run sends {ceiling}")
    folder = open_folder(experiment)
    tell(f"{experiment.name}: {experiment.describe()}\nrun folder: {folder.path}")
    result = RunResult(stopped="the command ended before its time")
    try:
        result, experiment = run_until_precise(
            experiment,
            folder,
            progress(folder.manifest()),
            tell=tell,
            reading=partial(working, "reading the records"),
        )
    finally:
        folder.update_manifest(
            status=result.status,
            ended=now(),
            failed_cells=result.failed_cells,
            server_timing=result.server_timing,
            client_timing=result.client_timing,
        )
    _explain(result, experiment, folder)
    if next(folder.lines(), None) is None:
        tell("no request was finished, so there is nothing to summarise")
        return result.exit_code
    with working("summarising") as tick:
        summary = finish(folder, tick)
    _results(experiment, folder, summary, as_json=as_json, export=export)
    return result.exit_code


def experiment_and_overrides(words: list[str]) -> tuple[str | None, list[str]]:
    """Split the words of `run` into the experiment's name, if one is given, and key=value settings."""
    names = [word for word in words if "=" not in word and not word.startswith(("~", "+"))]
    if len(names) > 1:
        raise UserError(f"one experiment at a time, not {' and '.join(names)}; settings are written key=value")
    return (names[0] if names else None), [word for word in words if word not in names]


def _explain(result: RunResult, experiment: Experiment, folder: RunFolder) -> None:
    if result.stopped:
        tell(result.stopped)
    if result.interrupted:
        tell("interrupted; what was finished is kept")
    if result.interrupted or result.stopped:
        words = [word for word in experiment.words if not word.startswith(("out=", "resume="))]
        tell(f"continue with: {shlex.join(['harness', 'run', *words, f'out={folder.path}', 'resume=true'])}")


def _results(
    experiment: Experiment, folder: RunFolder, summary: dict[str, object], *, as_json: bool, export: str | None
) -> None:
    from harness.report import export as export_to
    from harness.report import headline_text, published_text, write_report

    if as_json:
        say_json(summary)
    else:
        say(headline_text(summary))
        published = published_text(summary)
        if published:
            say(f"\n{published}")
    if experiment.settings.report:
        written = write_report(folder, folder.path / "report")
        tell(f"report: {written.index}")
    if export:
        tell(f"exported: {export_to(summary, export, folder.path)}")
    tell(f"summary: {folder.path / 'summary.json'}")


def _ask(question: str) -> bool:
    with contextlib.suppress(EOFError):
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}
    return False
