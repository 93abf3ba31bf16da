"""Runs of `harness run -m` side by side: `hydra/launcher=NAME`, in the words of Hydra's launcher plugins.

A run is a command of its own, as if it were typed: it has its own process, folder and exit code. Hydra's plugins start
a function of Hydra's, with a composition that knows nothing of matrices, and are not needed; the libraries below them
are.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError, did_you_mean

LAUNCHER, OPTION = "hydra/launcher", "hydra.launcher."
#: Where submitit keeps what it submits and what jobs say; on a cluster every node has to see it.
SUBMITTED = Path("experiments") / "submitit"


@dataclass(frozen=True)
class Ended:
    """What a run said and returned."""

    code: int
    out: str
    err: str


Start = Callable[[Sequence[list[str]]], Iterator[Ended]]


def split(words: Sequence[str]) -> tuple[str | None, dict[str, Any], list[str]]:
    """The launcher and its options, and the words that are left. Raises UserError for an unknown launcher."""
    import yaml

    name, options, left = None, {}, []
    for word in words:
        key, _, value = word.partition("=")
        if key == LAUNCHER:
            name = value
        elif key.startswith(OPTION):
            options[key.removeprefix(OPTION)] = yaml.safe_load(value)
        else:
            left.append(word)
    if name not in {None, "basic", *LAUNCHERS}:
        raise UserError(f"no launcher named '{name}'{did_you_mean(str(name), LAUNCHERS)}")
    if options and name in {None, "basic"}:
        raise UserError(f"{OPTION}{next(iter(options))} needs {LAUNCHER}=joblib, submitit_local or submitit_slurm")
    return (None if name == "basic" else name), options, left


def launch(name: str, options: Mapping[str, Any], runs: Sequence[list[str]]) -> Iterator[Ended]:
    """Play runs, each given by the words behind `harness run`, side by side; how they ended, in their order.

    Raises UserError when the launcher is not installed, or does not know an option.
    """
    with _options(name):
        start = LAUNCHERS[name](options)
    yield from start(runs)


@contextmanager
def _options(name: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise UserError(f"{LAUNCHER}={name} needs {error.name}: pip install 'llm-tail-harness[launchers]'") from None
    except (TypeError, NameError, ValueError) as error:
        raise UserError(f"{LAUNCHER}={name}: {str(error).splitlines()[0]}") from None


def one(program: Sequence[str], words: Sequence[str], folder: str) -> Ended:
    """Play one run, wherever this is called."""
    command = [sys.executable, *program, "run", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)  # noqa: S603 - this very command
    return Ended(done.returncode, done.stdout, done.stderr)


def _program() -> list[str]:
    """How this command was started, so that kinds of one's own script are there in every run."""
    main = sys.modules["__main__"]
    place = getattr(main, "__file__", None)
    if place is None or getattr(main, "__spec__", None) is not None or sys.argv[1:2] != ["run"]:
        return ["-m", "harness"]
    return [str(Path(place).resolve())]


def _joblib(options: Mapping[str, Any]) -> Start:
    from joblib import Parallel, delayed

    # Threads wait as well as processes do for runs that are processes themselves, and nothing of them stays.
    parallel = Parallel(**{"n_jobs": -1, "prefer": "threads", "return_as": "generator", **options})

    def start(runs: Sequence[list[str]]) -> Iterator[Ended]:
        program, folder = _program(), str(Path.cwd())
        found: Iterator[Ended] = parallel(delayed(one)(program, words, folder) for words in runs)
        return found

    return start


def _submitit(cluster: str) -> Callable[[Mapping[str, Any]], Start]:
    def prepared(options: Mapping[str, Any]) -> Start:
        import submitit

        executor = submitit.AutoExecutor(folder=SUBMITTED, cluster=cluster)
        executor.update_parameters(**{"timeout_min": 60, **options})

        def start(runs: Sequence[list[str]]) -> Iterator[Ended]:
            program, folder = _program(), str(Path.cwd())
            jobs = [executor.submit(one, program, words, folder) for words in runs]
            return (_result(job) for job in jobs)

        return start

    return prepared


def _result(job: Any) -> Ended:
    """What a job came to; one that the cluster lost or ended is a run that could not be played."""
    try:
        ended: Ended = job.result()
    except Exception as error:
        return Ended(3, "", f"job {job.job_id} was lost: {str(error).splitlines()[0]}\n")
    return ended


LAUNCHERS: Mapping[str, Callable[[Mapping[str, Any]], Start]] = {
    "joblib": _joblib,
    "submitit_local": _submitit("local"),
    "submitit_slurm": _submitit("slurm"),
}
