"""How little a command imports before it is needed, and how soon it ends."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest


@pytest.mark.parametrize("words", [[], ["--help"], ["run", "--help"], ["compare", "--help"], ["serve", "--help"]])
def test_help_is_light_and_shows_examples(words):
    """Neither the SDK nor pandas nor matplotlib is imported for it."""
    code = (
        "import sys; from harness.cli import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "heavy = {'openai', 'pandas', 'matplotlib', 'hydra', 'rich', 'numpy', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert "harness run article" in done.stdout or "examples:" in done.stdout


def test_list_is_light():
    """Names are read without what composes and plays them."""
    code = (
        "import sys; from harness.cli import main\nmain(['list', 'faults'])\n"
        "print(*{'openai', 'pandas', 'matplotlib', 'hydra', 'numpy', 'harness.config'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, *_, last = done.stdout.split("\n")[:-1]
    assert (first.startswith("faults:"), last) == (True, "")


@pytest.mark.parametrize(
    "words", [["run", "artcle"], ["run", "article", "trails=3"], ["run", "-m", "profile=clam,calm"]]
)
def test_a_mistake_is_told_before_what_plays_is_imported(words, tmp_path):
    """Nobody waits for the SDK to be told of a misspelt word."""
    code = (
        "import sys; from harness.cli import main\ncode = main(sys.argv[1:])\n"
        "print(code, *{'openai', 'pandas', 'pyarrow', 'harness.runner', 'harness.analysis'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert (done.stdout, done.stderr.count("\n")) == ("2\n", 1)


def test_a_process_of_the_commands_own_ends_without_a_last_look_for_garbage():
    """What lives on when it ends is out of the collector's way, after an error too."""
    code = (
        "import gc, sys; from harness.cli import entry\nbefore = gc.get_threshold()[0]\n"
        "sys.argv = ['harness', 'list', 'nonsense']\ncode = entry()\n"
        "print(code, gc.get_threshold()[0] > before, gc.get_freeze_count() > 1000, len(gc.get_objects()) < 1000)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "True", "True", "True"]
    scripts = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"harness": "harness.cli:entry"}
