"""Completion: what a word may become, and what three real shells make of it."""

import os
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from harness.cli.commands import COMMANDS
from harness.cli.complete.candidates import candidates
from harness.cli.complete.names import COMMON, SERVE, STRATEGY_VALUES, VALUES, Known, known, run_keys
from harness.cli.complete.scripts import SCRIPTS
from harness.config.cells import AXES
from harness.config.schema import PrecisionSettings, Settings
from harness.config.serve import ServeSettings
from harness.places import members
from harness.strategies import Played, Strategy

ROOT = Path(__file__).parents[2]


@pytest.fixture
def names() -> Known:
    """What there is in this checkout."""
    return known()


def texts(words: list[str], names: Known) -> list[str]:
    """The candidates of a line without what is said about them."""
    return [one.text for one in candidates(words, names)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ru"], ["run"]),
        (["--v"], ["--version"]),
        (["rnu", ""], []),
        (["run", "artic"], ["article"]),
        (["run", "article", "artic"], []),
        (["run", "article", "tri"], ["trials="]),
        (["run", "article", "trials=2", "tri"], []),
        (["run", "trials=a"], ["trials=auto"]),
        (["run", "clock="], ["clock=virtual", "clock=real"]),
        (["run", "network=m"], ["network=memory"]),
        (["run", "report="], ["report=true", "report=false"]),
        (["run", "precision.metric=s"], ["precision.metric=speedup"]),
        (["run", "budget.max"], ["budget.max_requests="]),
        (["run", "workload.batches"], ["workload.batches="]),
        (["run", "prof"], ["profile.", "profile="]),
        (["run", "profile=long"], ["profile=long_answer"]),
        (["run", "profile.output"], ["profile.output_tokens="]),
        (["run", "strategy.dispatch=w"], ["strategy.dispatch=window"]),
        (["run", "strategy.timeo"], ["strategy.timeout="]),
        (["run", "target=o"], ["target=openai"]),
        (["run", "matrix.dis"], ["matrix.dispatch="]),
        (["run", "matrix.strategy=hedge_p"], []),
        (["run", "matrix.strategy=[hedge_p"], ["matrix.strategy=[hedge_p95"]),
        (
            ["run", "matrix.dispatch="],
            [f"matrix.dispatch=[{one}" for one in ("gather", "window", "aimd", "gradient", "open")],
        ),
        (["run", "matrix.stream=[true,"], ["matrix.stream=[true,false"]),
        (["run", "matrix.fault=[n"], ["matrix.fault=[none"]),
        (["run", "matrix.strategy=[article_10]"], []),
        (["run", "profile=calm,art"], []),
        (["run", "-m", "profile=calm,art"], ["profile=calm,article"]),
        (["run", "--js"], ["--json"]),
        (["run", "--export", ""], ["pytest-benchmark"]),
        (["run", "out="], []),
        (["serve", "po"], ["port="]),
        (["serve", "profile=long"], ["profile=long_answer"]),
        (["serve", "allow_remote=t"], ["allow_remote=true"]),
        (["list", "str"], ["strategies"]),
        (["list", "strategies", ""], []),
        (["new", ""], ["experiment"]),
        (["completion", "f"], ["fish"]),
        (["report", "experim"], []),
        (["report", "--out", "repo"], []),
        (["list", "--json", "str"], ["strategies"]),
    ],
)
def test_a_word_becomes_what_can_stand_there(names, words, expected):
    """And nothing else; where only the shell knows, nothing."""
    assert texts(words, names) == expected


def test_flags_that_take_a_value_are_known_from_the_parser(names):
    """So that what follows them is left to the shell."""
    assert names.commands["compare"].valued == {"--cells", "--markdown", "--fail-over"}
    assert names.commands["run"].valued == {"--export"}


def test_a_value_in_brackets_is_not_offered_twice(names):
    """What is there already is no choice any more."""
    found = texts(["run", "matrix.strategy=[article_10,article_"], names)
    assert found == ["matrix.strategy=[article_10,article_20", "matrix.strategy=[article_10,article_none"]


def test_the_users_own_settings_count_too(names):
    """What lies in ./conf, with what it says of itself."""
    folder = Path("conf/experiment")
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("# @package _global_\nquestion: 'Is mine better?'\n")
    assert [(one.text, one.about) for one in candidates(["run", "mi"], names)] == [("mine", "Is mine better?")]


def test_a_file_that_is_not_yaml_is_offered_all_the_same(names):
    """The run will say what is wrong with it."""
    folder = Path("conf/profile")
    folder.mkdir(parents=True)
    (folder / "broken.yaml").write_bytes(b"\xff{:::\n")
    assert texts(["run", "profile=brok"], names) == ["profile=broken"]


def test_every_command_is_offered(names):
    """With what it does."""
    found = candidates([""], names)
    assert [(one.text, one.about) for one in found] == [(command.name, command.summary) for command in COMMANDS]


def test_every_top_level_key_is_known(names):
    """What the schema has is offered, by itself or by its fields."""
    offered = {one.text.rstrip("=").partition(".")[0] for one in candidates(["run", ""], names)}
    assert {field.name for field in fields(Settings)} <= offered
    assert run_keys() == {field.name for field in fields(Settings)} | {"matrix"}


def test_axes_are_those_that_a_matrix_accepts(names):
    """None that it refuses, and all that every strategy has."""
    assert set(names.axes) <= AXES | {"include", "exclude"}
    every = {field.name for kind in (Strategy, Played) for field in fields(kind)} - {"name", "kind", "description"}
    assert every <= set(names.axes)
    assert set(COMMON) <= every


@pytest.mark.parametrize(
    ("schema", "prefix"), [(Settings, ""), (PrecisionSettings, "precision."), (Strategy, "strategy.")]
)
def test_values_that_can_be_counted_are_those_of_the_schema(schema, prefix):
    """Whoever adds a choice there is told to offer it here."""
    offered = {f"strategy.{key}": values for key, values in STRATEGY_VALUES.items()} | dict(VALUES)
    hints = {f"{prefix}{name}": hint for name, hint in get_type_hints(schema).items()}
    choices = {key: literals(hint) for key, hint in hints.items() if literals(hint)}
    assert choices
    assert {key: set(offered[key]) for key in choices} == choices


def literals(hint: object) -> set[str]:
    """The words among the values of a type."""
    if get_origin(hint) is Literal:
        return set(get_args(hint))
    return set().union(*(literals(one) for one in get_args(hint)))


def test_keys_of_serve_are_those_of_its_settings():
    """And `fault`, which becomes a part of the profile."""
    assert set(SERVE) == {field.name for field in fields(ServeSettings)} | {"fault"}


def test_an_answer_needs_none_of_the_large_libraries():
    """It is given between two keystrokes."""
    code = (
        "import sys; from harness.cli import main; main(['__complete', 'run', 'artic'])\n"
        "heavy = {'openai', 'pandas', 'hydra', 'rich', 'numpy', 'pydantic', 'yaml'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"article\t{members('experiment')['article'].read_text().splitlines()[3][10:]}\n"


@pytest.mark.parametrize("words", [[], ["run", "\udcff="], ["nonsense", "x"], ["run", "=="]])
def test_an_answer_never_complains(harness, words):
    """It would land in the line that somebody is typing."""
    code, _, err = harness("__complete", *words)
    assert (code, err) == (0, "")


@pytest.mark.parametrize("shell", sorted(SCRIPTS))
def test_scripts_are_printed(harness, shell):
    """For the shell to read."""
    assert harness("completion", shell) == (0, SCRIPTS[shell], "")


def test_an_unknown_shell_is_one_line(harness):
    """With those that there are."""
    code, out, err = harness("completion", "bsh")
    assert (code, out) == (2, "")
    assert err.startswith("error: argument SHELL: no shell 'bsh'; did you mean 'bash'?\n")


@pytest.fixture
def shell(tmp_path: Path):
    """Run a script in a shell that finds `harness`; skips where the shell is not installed."""
    command = tmp_path / "bin" / "harness"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m harness "$@"\n')
    command.chmod(0o755)
    environment = os.environ | {"PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    environment["PYTHONPATH"] = str(ROOT)

    def run(name: str, *arguments: str) -> list[str]:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
        done = subprocess.run([name, *arguments], capture_output=True, text=True, check=True, env=environment)
        assert done.stderr == ""
        return done.stdout.splitlines()

    return run


#: A line, how bash takes its last words apart, and what it inserts for them.
BASH_LINES = [
    ("harness ru", ["harness", "ru"], ["run"]),
    ("harness run artic", ["harness", "run", "artic"], ["article"]),
    ("harness run tri", ["harness", "run", "tri"], ["trials="]),
    ("harness run profile=", ["harness", "run", "profile", "="], None),
    ("harness run profile=long", ["harness", "run", "profile", "=", "long"], ["long_answer"]),
    ("harness run matrix.strategy=[a,hedge_p", ["harness", "run", "matrix.strategy", "=", "[a,hedge_p"],
     ["[a,hedge_p95"]),
    ("harness run 'matrix.strategy=[a,hedge_p", ["harness", "run", "'matrix.strategy=[a,hedge_p"],
     ["matrix.strategy=[a,hedge_p95"]),
    ("harness report ", ["harness", "report", ""], []),
]  # fmt: skip


@pytest.mark.parametrize(("line", "words", "expected"), BASH_LINES)
def test_bash_completes(shell, line, words, expected):
    """Its own word breaks included: what it replaces is only what stands behind the last `=`."""
    quoted = " ".join(f"$'{word}'" if "'" not in word else f'"{word}"' for word in words)
    script = (
        f'eval "$(harness completion bash)"; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}\n'
        f'COMP_LINE="{line}"; COMP_POINT={len(line)}; _harness; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    found = [one for one in shell("bash", "--norc", "-c", script) if one]
    assert found == (sorted(members("profile")) if expected is None else expected)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "artic"], ["article"]),
        (["run", "tri"], ["trials="]),
        (["run", r"matrix.strategy=\[a,hedge_p"], ["matrix.strategy=[a,hedge_p95"]),
        (["report", "x"], ["files"]),
    ],
)
def test_zsh_completes(shell, words, expected):
    """Called as its completion system does; where there is nothing to offer, it is the shell's own files."""
    quoted = " ".join(f"'{word}'" for word in ["harness", *words])
    script = (
        "compdef() { :; }; compset() { :; }; _files() { print files; }\n"
        'compadd() { while [[ $1 != -- ]]; do shift; done; shift; print -l -- "$@"; }\n'
        f'eval "$(harness completion zsh)"; words=({quoted}); CURRENT={len(words) + 1}\n'
        'PREFIX="${words[-1]}"; _harness'
    )
    assert shell("zsh", "-f", "-c", script) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("harness run artic", "article"),
        ("harness run tri", "trials="),
        ("harness run 'matrix.strategy=[a,hedge_p", "matrix.strategy=[a,hedge_p95"),
    ],
)
def test_fish_completes(shell, line, expected):
    """Asked as fish asks itself."""
    found = shell("fish", "--no-config", "-c", f'harness completion fish | source; complete -C "{line}"')
    assert [one.split("\t")[0] for one in found] == [expected]
