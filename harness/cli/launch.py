"""Runs of `harness run -m` side by side: `hydra/launcher=NAME`, in the words of Hydra's launcher plugins.

A run is a command of its own, as if it were typed: it has its own process, folder and exit code. Hydra's plugins start
a function of Hydra's, with a composition that knows nothing of matrices, and are not needed; the libraries below them
are. Ctrl-C ends every run as it would end one: it reports, and what it says is shown.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from harness.cli.signals import INTERRUPTED
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


#: What joblib can be told of runs that are processes of their own; it takes any other word without a complaint.
_JOBLIB = ("n_jobs", "verbose")

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
            try:
                options[key.removeprefix(OPTION)] = yaml.safe_load(value)
            except yaml.YAMLError:
                raise UserError(f"{word} is no value of YAML; put quotes around it") from None
        else:
            left.append(word)
    if name not in {None, "basic", *LAUNCHERS}:
        raise UserError(f"no launcher named '{name}'{did_you_mean(str(name), LAUNCHERS)}")
    if options and name in {None, "basic"}:
        raise UserError(f"{OPTION}{next(iter(options))} needs {LAUNCHER}=joblib, submitit_local or submitit_slurm")
    return (None if name == "basic" else name), options, left


def launch(name: str, options: Mapping[str, Any], runs: Sequence[list[str]]) -> Iterator[Ended]:
    """Play runs, each given by the words behind `harness run`, side by side; how they ended, in their order.

    Raises UserError when the launcher is not installed, is of no use here, or does not know an option.
    """
    with _in_one_line(name):
        ended = LAUNCHERS[name](options)(runs)
    yield from ended


@contextmanager
def _in_one_line(name: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise UserError(f"{LAUNCHER}={name} needs {error.name}: pip install 'llm-tail-harness[launchers]'") from None
    except (AssertionError, NameError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"{LAUNCHER}={name}: {str(error).splitlines()[0]}") from None


class _Run:
    """A run in a process of its own, which no key reaches: whoever plays it ends it."""

    def __init__(self, program: Sequence[str], words: Sequence[str], folder: str) -> None:
        self._words = words
        self._command = [sys.executable, *program, "run", *words]
        self._folder = folder
        # Reentrant, for Ctrl-C may come to the very thread that begins.
        self._beginning = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._given_up = False
        self._ended: Future[Ended] = Future()

    def play(self) -> Ended:
        """Begin, unless it was given up, and wait for the end. Ctrl-C is raised when the run has ended of it."""
        with TemporaryFile() as out, TemporaryFile() as err:
            self._begin(out, err)
            try:
                code = self._code()
            except KeyboardInterrupt:
                self.end()
                self._set(self._code(), out, err)
                raise
            self._set(code, out, err)
        return self.ended()

    def end(self) -> None:
        """End it as Ctrl-C does, also where that is ignored; a run that has not begun will not."""
        with self._beginning:
            self._given_up = True
            if self._process is None:
                self._ended.cancel()
            else:
                self._process.terminate()

    def ended(self) -> Ended:
        """What it came to, once it has ended; nothing of a run that was given up before it began."""
        return Ended(INTERRUPTED, "", "") if self._ended.cancelled() else self._ended.result()

    def _begin(self, out: IO[bytes], err: IO[bytes]) -> None:
        with self._beginning:
            if not self._given_up:
                self._process = subprocess.Popen(  # noqa: S603 - this very command
                    self._command,
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )

    def _code(self) -> int | None:
        return None if self._process is None else self._process.wait()

    def _set(self, code: int | None, out: IO[bytes], err: IO[bytes]) -> None:
        if code is None:
            return
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode(errors="replace"))
        if code < 0:
            # As a shell tells it, which is worse than any other end.
            said[1] += f"{signal.Signals(-code).name} ended {shlex.join(['harness', 'run', *self._words])}\n"
            code = 128 - code
        self._ended.set_result(Ended(code, *said))


def one(program: Sequence[str], words: Sequence[str], folder: str) -> Ended:
    """Play one run, wherever this is called."""
    run = _Run(program, words, folder)
    try:
        return run.play()
    except KeyboardInterrupt:
        return run.ended()


def _program() -> list[str]:
    """How this command was started, so that kinds of one's own script are there in every run."""
    main = sys.modules["__main__"]
    place = getattr(main, "__file__", None)
    if place is None or getattr(main, "__spec__", None) is not None or sys.argv[1:2] != ["run"]:
        return ["-m", "harness"]
    return [str(Path(place).resolve())]


def _joblib(options: Mapping[str, Any]) -> Start:
    from joblib import Parallel, delayed

    unknown = next((name for name in options if name not in _JOBLIB), None)
    if unknown is not None:
        raise UserError(f"no option {OPTION}{unknown}{did_you_mean(unknown, _JOBLIB)}")
    for name, value in options.items():
        if isinstance(value, bool) or not isinstance(value, int) or (name, value) == ("n_jobs", 0):
            raise UserError(
                f"{OPTION}{name}={value}: a whole number; n_jobs is how many runs at a time, -1 a run a core"
            )
    # Threads wait as well as processes do for runs that are processes themselves, and nothing of them stays.
    parallel = Parallel(**{"n_jobs": -1, "require": "sharedmem", "return_as": "generator", **options})

    def start(words: Sequence[list[str]]) -> Iterator[Ended]:
        program, folder = _program(), str(Path.cwd())
        runs = [_Run(program, its, folder) for its in words]
        shown = 0
        try:
            for ended in parallel(delayed(run.play)() for run in runs):
                shown += 1
                yield ended
        except KeyboardInterrupt:
            for run in runs[shown:]:
                run.end()
            yield from (run.ended() for run in runs[shown:])
            raise

    return start


def _submitit(cluster: str) -> Callable[[Mapping[str, Any]], Start]:
    def prepared(options: Mapping[str, Any]) -> Start:
        import submitit

        # It warns on stdout and on stderr; results are ours alone.
        loud = logging.getLogger("submitit")
        loud.handlers = [handler for handler in loud.handlers if handler.get_name() != "submitit_out"]
        executor = submitit.AutoExecutor(folder=SUBMITTED, cluster=cluster)
        executor.update_parameters(**{"timeout_min": 60, **options})

        def start(runs: Sequence[list[str]]) -> Iterator[Ended]:
            program, folder = _program(), str(Path.cwd())
            # What a cluster says of a job that it refuses is in the error, too.
            with _ended_by_ctrl_c(), redirect_stderr(StringIO()):
                return _results([executor.submit(one, program, words, folder) for words in runs])

        return start

    return prepared


def _results(jobs: Sequence[Any]) -> Iterator[Ended]:
    try:
        yield from (_result(job) for job in jobs)
    except KeyboardInterrupt:
        for job in jobs:
            job.cancel(check=False)
        raise


@contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    """Processes that begin inside end by SIGINT, also where we ignore it, and print no traceback when they do."""
    ours, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(ours, 2)
        os.close(ours)
        os.close(nowhere)
        if before is signal.SIG_IGN:
            signal.signal(signal.SIGINT, before)


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
