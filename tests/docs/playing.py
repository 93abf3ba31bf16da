"""Plays what documents have a reader type, line after line in one folder."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import small_commands
import stand_ins
from documents import ROOT, Line, Session
from shell_words import Step

from harness.cli import main
from harness.cli.launch import split
from harness.cli.parser import parse
from harness.cli.runs import experiment_and_overrides
from harness.config import combinations, compose
from harness.errors import UserError
from harness.runner.budget import check

#: What the help of `compare` calls the baseline.
SUMMARY = "baseline/summary.json"
#: Seconds after which a program of a document has failed; none takes a tenth of it.
LIMIT_S = 60


def make(folder: Path) -> None:
    """Make once what placeholders stand for: two finished runs of `article`, a baseline, and latencies."""
    with contextlib.chdir(folder):
        words = ["run", "article", "trials=2", "workload.batches=2", "workload.batch_size=6", "report=false"]
        assert _called([*words, f"out={stand_ins.RUN}"])[0] == 0
        shutil.copytree(stand_ins.RUN, stand_ins.CANDIDATE)
        assert _called(["baseline", stand_ins.RUN, stand_ins.BASELINE])[0] == 0
        Path("baseline").mkdir()
        shutil.copy(f"{stand_ins.RUN}/summary.json", SUMMARY)
        times = [*(0.5 + share / 100 for share in range(190)), *(20 + share for share in range(10))]
        Path(stand_ins.LATENCIES).write_text("\n".join(["ttft_s", *map(str, times)]) + "\n")


def prepare(folder: Path, made: Path, session: Session, *, strictly: bool) -> None:
    """Put into an empty folder what the lines read and no line before them writes, and the document's own files.

    A guide makes what it names, so that `strictly` only its placeholders, latencies and published results are there.
    """
    write(session.files, folder)
    shown = "\n".join(line.text for line in session.lines)
    text = stand_ins.filled(shown)
    for name in set(re.findall(r"experiments/(\w+)/results", text)):
        shutil.copytree(ROOT / "experiments" / name / "results", folder / "experiments" / name / "results")
    for name in (stand_ins.RUN, stand_ins.LATENCIES, stand_ins.CANDIDATE, stand_ins.BASELINE, SUMMARY):
        given = name == stand_ins.LATENCIES or not strictly or text.count(name) > shown.count(name)
        if given and name in text:
            source, place = made / name, folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, place) if source.is_dir() else shutil.copy(source, place)


def write(files: Mapping[str, str], folder: Path) -> None:
    """Write the files of a document."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def play(session: Session, api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run all lines in the current folder; `api` answers for every server. Raises AssertionError for what fails."""
    names = {text: name for name, text in session.files.items()}
    for number, line in enumerate(session.lines):
        if line.language == "python":
            tests = "test_" if "def test_" in line.text else ""
            _python(line, Path(names.get(line.text, f"{tests}block_{number}.py")), api)
            continue
        printed = ""
        for step in stand_ins.known_steps(line):
            if step.is_harness:
                if stand_ins.plays(step) and step.script is None:
                    compose_whole(line.where, step)
                printed = _harness(
                    line.where, small_commands.small(step, api), stand_ins.allowed_exits(step), monkeypatch
                )
                if step.writes:
                    with Path(step.writes).open("a" if step.appends else "w") as file:
                        file.write(printed)
            elif stand_ins.why_not_run(step) is None:
                printed = _by_shell(line, step, api, printed)


def compose_whole(where: str, step: Step) -> None:
    """Compose a run as it is shown, not small; a budget that is shown allows what is shown."""
    try:
        arguments = parse(step.words[1:])
        _, _, words = split(arguments.words) if arguments.multirun else (None, {}, arguments.words)
        name, overrides = experiment_and_overrides(words)
        for combination in combinations(overrides) if arguments.multirun else [overrides]:
            experiment = compose(name, combination)
            assert check(experiment, confirm=None).requests > 0, f"{where}: {step.text!r} sends nothing"
    except UserError as error:
        raise AssertionError(f"{where}: {step.text!r}: {error}") from None


def _harness(where: str, step: Step, allowed: set[int], monkeypatch: pytest.MonkeyPatch) -> str:
    if step.words[:2] == ("harness", "serve") and "--help" not in step.words:
        return _served(where, step)
    if step.script is not None:
        return _by_script(where, step, allowed)
    with monkeypatch.context() as patch:
        for name, value in step.environment.items():
            patch.setenv(name, value)
        if "target=openai" in step.words:
            patch.setenv("OPENAI_API_KEY", "sk-fake")
        code, out, err = _called(step.words[1:])
    assert code in allowed, f"{where}: {step.text!r} exits {code}\n{out}{err}"
    return out


def _by_script(where: str, step: Step, allowed: set[int]) -> str:
    words = [sys.executable, str(step.script), *step.words[1:]]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=LIMIT_S, env=_environment())
    assert done.returncode in allowed, f"{where}: {step.script} {step.text!r} exits {done.returncode}\n{done.stderr}"
    return done.stdout


def _called(words: Sequence[str]) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)
        except SystemExit as left:
            code = int(left.code or 0)
    return code, out.getvalue(), err.getvalue()


def _served(where: str, step: Step) -> str:
    """Start the server, ask it once, and end it as Ctrl-C does."""
    program = ["-m", "harness"] if step.script is None else [step.script]
    words = [sys.executable, *program, *step.words[1:], *([] if "--json" in step.words else ["--json"])]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment()
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        said = ""
        while not said.endswith("}\n"):
            line = server.stdout.readline()
            assert line, f"{where}: {step.text!r} does not serve\n{server.stderr.read()}"
            said += line
        url = json.loads(said)["base_url"].removesuffix("/v1") + "/health"
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=LIMIT_S) as answer:
                assert answer.status == 200, f"{where}: {step.text!r}"
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(LIMIT_S) == 0, f"{where}: {step.text!r}\n{server.stderr.read()}"
    return said


def _by_shell(line: Line, step: Step, api: str, printed: str) -> str:
    if shutil.which(step.words[0]) is None:
        return ""
    text = stand_ins.filled(line.text)
    script = step.text if step.writes is None else f"{step.text} {'>>' if step.appends else '>'} {step.writes}"
    if "<<" in text:
        script = text
    if step.words[0] == "curl":
        script = re.sub(stand_ins.SHOWN_URL, api.removesuffix("/v1"), script).replace("curl", "curl -fsS", 1)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        input=printed, capture_output=True, text=True, check=False, timeout=LIMIT_S, env=_environment(),
    )  # fmt: skip
    assert done.returncode == 0, f"{line.where}: {script!r} exits {done.returncode}\n{done.stderr}"
    return done.stdout


def _python(line: Line, file: Path, api: str) -> None:
    code = stand_ins.runnable(line.text)
    tests = file.name.startswith("test_")
    file.write_text(code)
    words = (
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(file)]
        if tests
        else ["-W", "error", str(file)]
    )
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False, timeout=LIMIT_S, env=_environment(api)
    )
    assert done.returncode == 0, f"{line.where}:\n{code}\nexits {done.returncode}\n{done.stdout}{done.stderr}"


def _environment(api: str | None = None) -> dict[str, str]:
    """This checkout's harness, and an API on loopback where one is asked."""
    ours = {"PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1,localhost"}
    return os.environ | ours | ({} if api is None else {"OPENAI_BASE_URL": api, "OPENAI_API_KEY": "sk-fake"})
