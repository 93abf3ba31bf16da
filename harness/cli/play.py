"""`harness run` once its words are composed: check, play, summarise, report."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

from harness.analysis import finish
from harness.cli.next import Budget, next_step, resume
from harness.cli.output import columns, say, tell, width
from harness.cli.preview import STYLES as ESTIMATE
from harness.cli.preview import text
from harness.config import Experiment
from harness.engines import Engine
from harness.errors import DiskError, GoneError, has_no_room, unwritten
from harness.runner import RunResult, check_open_files, check_target, cluster_of, run_until_precise
from harness.runner.budget import check
from harness.runner.folder import open_folder
from harness.runner.manifest import now
from harness.storage import RunFolder

Summary = dict[str, Any]
_STYLES = {r"^(next|report|summary|continue with|run folder|exported):": "bold", r"(?<=^next: ).*": "cyan"}


def play(experiment: Experiment, *, quiet: bool = False, export: str | None = None) -> tuple[int, Summary | None]:
    """Play one experiment into its run folder and report it: the exit code, and the summary if there is one.

    Results are printed unless it is `quiet`.
    """
    # Whoever is asked whether to go on sees first what it comes to.
    say_what = cache(lambda: tell(text(experiment, columns(sys.stderr)), ESTIMATE))

    def confirm(question: str) -> bool:
        say_what()
        return _ask(question)

    check(experiment, confirm=confirm if sys.stdin.isatty() and sys.stderr.isatty() else None)
    check_open_files(experiment)
    check_target(experiment)
    with cluster_of(experiment, tell) as cluster:
        folder = open_folder(experiment)
        say_what()
        tell(f"run folder: {folder.path}", _STYLES)
        with _continued(experiment, folder):
            return _play(experiment, folder, cluster, quiet=quiet, export=export)


@contextlib.contextmanager
def _continued(experiment: Experiment, folder: RunFolder) -> Iterator[None]:
    """Say how to go on where the disk let nothing more be written. Raises DiskError."""
    advice = f"continue with: {resume(experiment.words, folder.path)}"
    try:
        yield
    except GoneError:
        raise
    except DiskError as error:
        raise DiskError(f"{error}\n{advice}") from None
    except OSError as error:
        if not has_no_room(error):
            raise
        raise DiskError(f"{unwritten(error.filename or folder.path, error)}\n{advice}") from None


def _play(
    experiment: Experiment, folder: RunFolder, cluster: Engine | None, *, quiet: bool, export: str | None
) -> tuple[int, Summary | None]:
    from harness.cli.progress import progress, working

    try:
        result, experiment = run_until_precise(
            experiment,
            folder,
            progress(folder.manifest()),
            tell=tell,
            reading=partial(working, "reading the records"),
            cluster=cluster,
        )
    except BaseException:
        # Where nothing can be written the manifest goes on saying that the run is under way, or was killed.
        with contextlib.suppress(DiskError):
            _note_end(folder, RunResult(stopped="the command ended before its time"))
        raise
    _note_end(folder, result)
    if result.stopped:
        tell(result.stopped)
    if result.interrupted:
        tell("interrupted; what was finished is kept")
    summary = None
    if next(folder.lines(), None) is None:
        tell("no request was finished, so there is nothing to summarise")
    else:
        with working("summarising") as tick:
            summary = finish(folder, tick)
        _results(experiment, folder, summary, quiet=quiet, export=export)
    _advise(result, experiment, folder, summary)
    return result.exit_code, summary


def _note_end(folder: RunFolder, result: RunResult) -> None:
    folder.update_manifest(
        status=result.status,
        ended=now(),
        failed_cells=result.failed_cells,
        server_timing=result.server_timing,
        client_timing=result.client_timing,
        **({"played_by": result.played_by} if result.played_by else {}),
    )


def _results(experiment: Experiment, folder: RunFolder, summary: Summary, *, quiet: bool, export: str | None) -> None:
    from harness.cli.progress import working
    from harness.report import STYLES, headline_text, published_text, write_report
    from harness.report import export as export_to

    if not quiet:
        say(headline_text(summary, width()), STYLES)
        published = published_text(summary, width())
        if published:
            say(f"\n{published}")
    if experiment.settings.report:
        with working("reporting") as tick:
            written = write_report(folder, folder.path / "report", progress=tick)
        tell(f"report: {written.index}", _STYLES)
    else:
        tell(f"report: none was wanted; {shlex.join(['harness', 'report', str(folder.path)])} writes it", _STYLES)
    if export:
        tell(f"exported: {export_to(summary, export, folder.path)}", _STYLES)
    tell(f"summary: {folder.path / 'summary.json'}", _STYLES)


def _advise(result: RunResult, experiment: Experiment, folder: RunFolder, summary: Summary | None) -> None:
    """Say what to type next; a cell that was given up has said itself what is wrong."""
    if result.interrupted or result.stopped:
        tell(f"continue with: {resume(experiment.words, folder.path)}", _STYLES)
    elif summary is not None and not result.failed_cells:
        step = next_step(summary, experiment.words, folder.path, budget=_budget(experiment))
        if step is None:
            return
        command, reason = step
        tell(f"next: {command}\n      ({reason})", _STYLES)


def _budget(experiment: Experiment) -> Budget | None:
    allowed = experiment.settings.budget.max_requests
    return None if allowed is None else Budget(allowed, experiment.attempts_per_trial)


def _ask(question: str) -> bool:
    with contextlib.suppress(EOFError):
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}
    return False
