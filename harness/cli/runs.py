"""`harness run`: what its words ask for, refused or handed on before anything that plays is imported."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress

from harness.cli.launch import Ended, launch, split
from harness.cli.output import say, say_json, tell
from harness.cli.signals import INTERRUPTED
from harness.config import Experiment, combinations, compose
from harness.errors import UserError


def run_experiment(words: list[str], *, as_json: bool, export: str | None = None, dry: bool = False) -> int:
    """Play what the words ask for; returns the exit code. A `dry` run says what it comes to, and plays nothing.

    Raises UserError for bad settings.
    """
    name, overrides = experiment_and_overrides(words)
    experiment = compose(name, overrides)
    if dry:
        from harness.cli.preview import preview

        return preview([experiment], as_json=as_json)
    from harness.cli.play import play

    code, summary = play(experiment, quiet=as_json, export=export)
    if as_json and summary is not None:
        say_json(summary)
    return code


def multirun(words: list[str], *, as_json: bool, export: str | None = None, dry: bool = False) -> int:
    """Play every combination of comma-separated values as a run of its own; the worst exit code wins.

    With `as_json`, the summaries are one list. An interrupt ends the whole of it.
    """
    # Every combination is composed before the first is played, so that a mistake costs nothing.
    launcher, options, words = split(words)
    name, overrides = experiment_and_overrides(words)
    experiments = [compose(name, combination) for combination in combinations(overrides)]
    _check_folders(experiments)
    if dry:
        from harness.cli.preview import preview

        return preview(experiments, as_json=as_json)
    if launcher is not None:
        flags = [*(["--json"] if as_json else []), *([f"--export={export}"] if export else [])]
        runs = [[*experiment.words, *flags] for experiment in experiments]
        return _launched(launch(launcher, options, runs), as_json=as_json)
    from harness.cli.play import play

    codes, summaries = [], []
    for experiment in experiments:
        code, summary = play(experiment, quiet=as_json, export=export)
        codes.append(code)
        summaries += [] if summary is None else [summary]
        if code == INTERRUPTED:
            break
    if as_json:
        say_json(summaries)
    return max(codes)


def _check_folders(experiments: Sequence[Experiment]) -> None:
    """Raise UserError where two runs would share a folder."""
    outs = [experiment.settings.out for experiment in experiments if experiment.settings.out is not None]
    if shared := next((out for out in outs if outs.count(out) > 1), None):
        raise UserError(f"out={shared} is one folder for {outs.count(shared)} runs; without it each has one of its own")


def _launched(runs: Iterable[Ended], *, as_json: bool) -> int:
    """Show what each run said when it has ended; the worst exit code, or that of an interrupt, which ends all."""
    codes, summaries, interrupted = [], [], False
    try:
        for ended in runs:
            if ended.err:
                tell(ended.err.rstrip())
            if as_json and ended.out:
                with suppress(ValueError):
                    # One that was killed may not have said all of it.
                    summaries.append(json.loads(ended.out))
            elif ended.out:
                say(ended.out.rstrip())
            codes.append(ended.code)
    except KeyboardInterrupt:
        interrupted = True
        tell("interrupted")
    if as_json:
        say_json(summaries)
    return INTERRUPTED if interrupted else max(codes)


def experiment_and_overrides(words: list[str]) -> tuple[str | None, list[str]]:
    """Split the words of `run` into the experiment's name, if one is given, and key=value settings."""
    names = [word for word in words if "=" not in word and not word.startswith(("~", "+"))]
    if len(names) > 1:
        raise UserError(f"one experiment at a time, not {' and '.join(names)}; settings are written key=value")
    return (names[0] if names else None), [word for word in words if word not in names]
