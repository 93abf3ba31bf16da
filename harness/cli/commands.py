"""The work of each subcommand, in the order in which a user meets it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from harness.errors import UserError


def run(arguments: argparse.Namespace) -> int:
    """Play an experiment, summarise it, report it, and say what to look at next."""
    from harness.cli.run import multirun, run_experiment

    if arguments.multirun:
        return multirun(arguments.words, as_json=arguments.json, export=arguments.export)
    return run_experiment(arguments.words, as_json=arguments.json, export=arguments.export)


def report(arguments: argparse.Namespace) -> int:
    """Rebuild the pages of a run folder."""
    from harness.report import export, headline_text, write_report
    from harness.storage import RunFolder

    folder = RunFolder.open(arguments.run_dir)
    out = Path(arguments.out) if arguments.out else folder.path / "report"
    written = write_report(folder, out)
    say(json.dumps(written.summary, indent=1, sort_keys=True) if arguments.json else headline_text(written.summary))
    tell(f"report: {written.index}")
    if arguments.export:
        tell(f"exported: {export(written.summary, arguments.export, out)}")
    return 0


def compare(arguments: argparse.Namespace) -> int:
    """Compare two runs cell by cell, or two cells of one."""
    from harness.compare import compare as compare_runs
    from harness.compare import compare_two_cells

    limit = arguments.fail_over
    if arguments.cells:
        if arguments.candidate is not None:
            raise UserError("--cells compares two cells of one run; leave CANDIDATE out")
        comparison = compare_two_cells(arguments.base, *arguments.cells, fail_over_percent=limit)
    elif arguments.candidate is None:
        raise UserError("compare needs BASE and CANDIDATE, or BASE --cells CELL CELL")
    else:
        comparison = compare_runs(arguments.base, arguments.candidate, fail_over_percent=limit)
    say(comparison.to_json() if arguments.json else comparison.to_text())
    # GitHub shows what a job writes there below its run.
    for place in (arguments.markdown, os.environ.get("GITHUB_STEP_SUMMARY")):
        if place:
            _append(Path(place), comparison.to_markdown())
    return comparison.exit_code


def baseline(arguments: argparse.Namespace) -> int:
    """Write what later runs are compared with."""
    from harness.compare import baseline as write

    write(arguments.run_dir, arguments.file)
    tell(f"baseline: {arguments.file}")
    tell(f"compare with it: harness compare {arguments.file} RUN_DIR --fail-over 10")
    return 0


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UserError(f"cannot write to {path} ({error.strerror}); choose another --markdown") from None


def tune(arguments: argparse.Namespace) -> int:
    """Say which timeout recorded attempts argue for."""
    from harness.tune import advice_text, advise, recording_of, write_advice

    path = Path(arguments.recording)
    recording = recording_of(path, cell=arguments.cell, column=arguments.column)
    advice = advise(recording, batch_size=arguments.batch_size, most_load=arguments.load)
    say(json.dumps(advice.to_dict(), indent=1, sort_keys=True) if arguments.json else advice_text(advice))
    out = Path(arguments.out) if arguments.out else (path / "tune" if path.is_dir() else Path("tune"))
    written = write_advice(advice, out)
    best = advice.best
    if best is not None:
        tell(f"try it: cp {out}/{best.strategy['name']}.yaml conf/strategy/")
        tell(f"and then: harness run article 'matrix.strategy=[article_none,{best.strategy['name']}]' trials=10")
    tell(f"written: {', '.join(str(file) for file in written)}")
    return 0


def serve(arguments: argparse.Namespace) -> int:
    """Serve the mock until interrupted."""
    from harness.config import serve_settings
    from harness.mock.server import serve_forever

    settings = serve_settings(arguments.words)
    serve_forever(
        settings.profile.scaled(settings.time_scale),
        seed=settings.seed,
        host=settings.host,
        port=settings.port,
        allow_remote=settings.allow_remote,
    )
    return 0


def list_(arguments: argparse.Namespace) -> int:
    """Name everything that can be chosen."""
    from harness.config import catalogue

    groups = catalogue()
    if arguments.json:
        say(json.dumps(groups, indent=1))
        return 0
    width = max((len(name) for entries in groups.values() for name in entries), default=0)
    blocks = [
        "\n".join([f"{group}:", *(f"  {name:<{width}}  {text}".rstrip() for name, text in entries.items())])
        for group, entries in groups.items()
    ]
    say("\n\n".join(blocks))
    return 0


def new(arguments: argparse.Namespace) -> int:
    """Write an experiment to start from."""
    from harness.config.new import new_experiment

    say(str(new_experiment(arguments.name)))
    tell(f"edit it, and then: harness run {arguments.name}")
    return 0


def publish(arguments: argparse.Namespace) -> int:
    """Copy the small files of a finished run to a folder that is committed."""
    from harness.storage import RunFolder

    RunFolder.open(arguments.run_dir).publish(Path(arguments.destination))
    tell(f"published: {arguments.destination}")
    return 0


def say(text: str) -> None:
    """Print a result on stdout."""
    print(text)  # noqa: T201 - the command's own output


def tell(text: str) -> None:
    """Print progress or advice on stderr."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the command's own output


def experiment_and_overrides(words: list[str]) -> tuple[str | None, list[str]]:
    """Split the words of `run` into the experiment's name, if one is given, and key=value settings."""
    names = [word for word in words if "=" not in word and not word.startswith(("~", "+"))]
    if len(names) > 1:
        raise UserError(f"one experiment at a time, not {' and '.join(names)}; settings are written key=value")
    return (names[0] if names else None), [word for word in words if word not in names]
