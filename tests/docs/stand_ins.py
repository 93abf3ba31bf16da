"""What stands for what in documented commands when tests run them, each with its reason.

A document with something new (a placeholder, a program that is not `harness`) fails until it has its row here.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass

from documents import Line
from shell_words import Step, steps

from harness.errors import UserError

#: The folder of a small finished run, of another one like it, of latencies and of a baseline; see `playing.prepare`.
RUN, CANDIDATE, LATENCIES, BASELINE = "experiments/article/runs/tiny", "candidate", "latencies.csv", "ci/baseline.json"
#: A port that documents show, for which tests take that of their own server.
SHOWN_URL = r"https?://(?:127\.0\.0\.1|localhost):\d+"


@dataclass(frozen=True)
class Row:
    """A pattern, what stands for it, and why."""

    pattern: str
    instead: str
    reason: str


MY_BATCH = """
import asyncio

async def my_batch(client):
    ask = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    client = client.with_options(max_retries=9)
    return await asyncio.gather(*[client.chat.completions.create(**ask) for _ in range(100)])
"""

MY_BATCH_OF_100 = f"""
import openai
{MY_BATCH}
async def my_batch_of_100(base_url):
    await my_batch(openai.AsyncOpenAI(base_url=base_url, api_key="any", timeout=3))
"""

PLACEHOLDERS = (
    Row(r"experiments/article/runs/<\w+>", RUN, "a run folder, whose name has the time in it"),
    Row(r"\b(?:RUN_DIR|RUN)\b", RUN, "a run folder of the reader's"),
    Row(r"<experiment>", "article", "an experiment by its name"),
    Row(r"experiments/X/", "experiments/article/", "any published experiment"),
    Row(r"\bCANDIDATE\b", CANDIDATE, "a run with the settings of a branch"),
    Row(r"\b(?:FILE|BASE)\b", BASELINE, "a baseline that is committed"),
    Row(r"\bprofile=NAME\b", "profile=incident", "a profile of `harness list`"),
    Row(r"\bstrategy=NAME\b", "strategy=adaptive", "a strategy of `harness list`"),
    Row(r"\bfault=NAME\b", "fault=mid_stream_stall", "a fault of `harness list`"),
    Row(r"\bexperiment NAME\b", "experiment my_sweep", "a name for a new experiment"),
    Row(r"\brun (?:NAME|EXPERIMENT)\b", "run article", "an experiment of `harness list`"),
    Row(r"report --trial N\b", f"report {RUN} --trial 1", "a flag, of the report of any run"),
    Row(r"\blist GROUP\b", "list faults", "one of the groups"),
    Row(r"\b(?:SHELL|bash\|zsh\|fish)(?!\S)", "bash", "one of the shells that can be completed in"),
    Row(r"\bDIR\b", "somewhere", "a folder to write into"),
    Row(r"(?<==)/tmp/", "tmp/", "a test writes into its own folder only"),
    Row(r"\bURL\b", "http://127.0.0.1:8000/v1", "the reader's own API, which is then replaced like any other"),
    Row(r"(?<=OPENAI_API_KEY=)(?:\.\.\.|…|sk-\.\.\.)", "sk-fake", "a secret of the reader's"),
)

#: What is left in capitals, pointed brackets or dots after that is a placeholder that nobody knows.
UNKNOWN = re.compile(r"\.\.\.|…|(?<![\w.$])[A-Z][A-Z0-9_]*(?![\w.])")
#: Brackets around what may be left out; a list of values stands behind an equals sign.
_SYNOPSIS = re.compile(r"harness\b.* \[")
UNKNOWN_NAME = re.compile(r"<[A-Za-z][^<>()]*>")

NOT_RUN = (
    Row(r"python3 -m venv .*", "", ".ci/run sets up as the README says, in a fresh checkout"),
    Row(r"(.venv/bin/)?pip install .*", "", ".ci/run installs as the README says; a test installs nothing"),
    Row(r"uv (venv|pip install .*)", "", "the same with another installer"),
    Row(r"(uv run --no-sync )?(.venv/bin/)?pytest .*", "", "the suite itself, which CI runs; its paths are looked at"),
    Row(r"python -m tests.benchmarks( .*)?", "", "measures speed, for the better part of half an hour"),
    Row(r"export OPENAI_API_KEY=.*", "", "the key is a secret; where a run needs one, a false one is set"),
    Row(r"source( .*)?", "", "tests/cli/test_completion.py lets the shells themselves read what is sourced"),
    Row(r"ls harness", "", "looks at the checkout"),
)

#: Python that takes long for what it shows.
SMALLER_PYTHON = (
    Row(r"\* 1000\b", "* 20", "a thousand requests over sockets take seconds, and show no more than twenty"),
)

#: What a piece of Python leaves to the reader: (a pattern of the code, what stands before it, the reason).
PRELUDES = (
    (r"my_batch_of_100\(", MY_BATCH_OF_100, "the reader's own batch"),
    (r"my_batch\(", MY_BATCH, "the reader's own batch, with the reader's client"),
    (r"pytest\.(?!ini)", "import pytest\n", "a test file imports pytest at its top, which is not shown again"),
    (r"openai\.", "import openai\n", "imported by the block above it"),
)

#: Programs that only touch the folder they are called in, or its text; curl asks the tests' own server.
BY_SHELL = frozenset({"cat", "cp", "curl", "echo", "grep", "head", "jq", "ls", "mkdir", "mv", "tail"})

#: Exit codes beside 0 that say something about what was found, not about the command.
EXITS: tuple[tuple[str, int, str], ...] = (
    (r"harness compare .*", 1, "a cell is slower: the tiny runs may say so"),
    (r"harness doctor.*", 1, "what it finds depends on the machine"),
    (r"harness run fault_matrix.*", 3, "experiments/fault_matrix/README.md: in some cells requests never end"),
)


def filled(text: str) -> str:
    """The text with something real for each placeholder."""
    for row in PLACEHOLDERS:
        text = re.sub(row.pattern, row.instead, text)
    return text


def runnable(code: str) -> str:
    """Python of a document with what it leaves to the reader, and small."""
    for row in SMALLER_PYTHON:
        code = re.sub(row.pattern, row.instead, code)
    before = [prelude for pattern, prelude, _ in PRELUDES if re.search(pattern, code) and prelude not in code]
    return "".join([*before, filled(code)])


def why_not_run(step: Step) -> str | None:
    """The reason why a test leaves a step out; None where it has to be run, or is unknown."""
    return next((row.reason for row in NOT_RUN if re.fullmatch(row.pattern, step.text, re.DOTALL)), None)


def allowed_exits(step: Step) -> set[int]:
    """The exit codes that are no mistake."""
    return {0} | {code for pattern, code, _ in EXITS if re.fullmatch(pattern, step.text, re.DOTALL)}


def known_steps(line: Line) -> list[Step]:
    """The steps of a line, with something real for each placeholder.

    Raises AssertionError that says what to do about what no table knows.
    """
    text = filled(line.text)
    found = [] if _SYNOPSIS.search(text) else UNKNOWN_NAME.findall(text)
    try:
        known = steps(text) if not found else []
    except ValueError as error:
        raise AssertionError(f"{line.where}: {text!r} cannot be typed into a shell: {error}") from None
    for step in known:
        if step.is_harness or step.words[0] in BY_SHELL - {"curl"}:
            found += [] if is_synopsis(step) else UNKNOWN.findall(step.text)
        elif step.words[0] not in BY_SHELL and why_not_run(step) is None:
            raise AssertionError(
                f"{line.where}: no test runs {step.text!r}; give it a row in NOT_RUN of tests/docs/stand_ins.py with "
                "the reason, or add its program to BY_SHELL there"
            )
    if found:
        raise AssertionError(
            f"{line.where}: {text!r} has a placeholder that no test fills in: {', '.join(found)}; "
            "give it a row in PLACEHOLDERS of tests/docs/stand_ins.py"
        )
    return known


def is_synopsis(step: Step) -> bool:
    """Whether it says what can be typed, not what is typed."""
    return any(word.startswith("[") for word in step.words[1:])


def plays(step: Step) -> bool:
    """Whether it is a `harness run` that composes settings."""
    return step.words[:2] == ("harness", "run") and "--help" not in step.words and not is_synopsis(step)


def parses(where: str, step: Step) -> None:
    """Raise AssertionError for a subcommand, flag or argument that does not exist."""
    from harness.cli.parser import parse

    try:
        # --help and --version end here.
        with contextlib.suppress(SystemExit):
            parse(list(step.words[1:]))
    except UserError as error:
        raise AssertionError(f"{where}: {step.text!r}: {error}") from None
