"""What the command says about itself, and about words that it does not know."""

import pytest

from harness.cli.commands import COMMANDS
from harness.cli.commands.list import listing
from harness.cli.parser import parsers

NAMES = [command.name for command in COMMANDS]


@pytest.fixture(autouse=True)
def _a_terminal_of_80_columns(monkeypatch):
    """argparse wraps to it."""
    monkeypatch.setenv("COLUMNS", "80")


def test_by_itself_it_says_what_to_type_next(harness):
    """In a few lines, not all that there is."""
    code, out, err = harness()
    assert (code, err) == (0, "")
    assert len(out.splitlines()) <= 8
    assert max(map(len, out.splitlines())) <= 80
    assert all(f"  harness {word}" in out for word in ("run article", "list", "doctor"))
    assert "usage:" not in out


def test_what_it_names_at_first_exists(harness):
    """Each command that it tells a beginner to type."""
    named = [line.split()[1] for line in harness()[1].splitlines() if line.startswith("  harness ")]
    assert len(named) == 3
    assert set(named) <= set(NAMES)


def test_help_lists_every_command_and_every_exit_code(harness):
    """And fits a terminal of 80 columns."""
    code, out, _ = harness("--help")
    assert code == 0
    assert all(f"    {name} " in out for name in NAMES)
    assert all(f"\n  {exit_code} " in out for exit_code in (0, 1, 2, 3, 4, 130))
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_every_command_has_examples_and_exit_codes(harness, command):
    """In its own help."""
    code, out, _ = harness(command.name, "--help")
    assert code == 0
    assert command.examples
    assert f"examples:\n  {command.examples[0]}" in out
    assert "exit codes:\n  0    fine\n" in out


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_every_example_names_flags_that_there_are(command):
    """Its own parser takes its words."""
    own = [line.replace("\\\n", " ") for line in command.examples if line.startswith(f"harness {command.name} ")]
    parser = parsers()[1][command.name]
    for line in own:
        words = line.partition("#")[0].replace("'", "").split("|")[0].split()[2:]
        flags = [word for word in words if word.startswith("--")]
        assert set(flags) <= parser.flag_help.keys()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rnu"], "no command 'rnu'; did you mean 'run'?\n"),
        (["article"], "no command 'article'; did you mean 'harness run article'?\n"),
        (["trials=20"], "no command 'trials=20'; did you mean 'harness run trials=20'?\n"),
        (["xyzzy"], "no command 'xyzzy'; there are: "),
        (["--nope"], "unknown flag --nope; there are: --help, --version\nsee harness --help\n"),
        (["run", "--jsno"], "unknown flag --jsno; did you mean '--json'?\nsee harness run --help\n"),
        (
            ["run", "article", "--trials=20"],
            "unknown flag --trials; settings are written without dashes: trials=20\nsee harness run --help\n",
        ),
        (
            ["run", "article", "--out", "there"],
            "unknown flag --out; settings are written without dashes: out=VALUE\nsee harness run --help\n",
        ),
        (["compare"], "the following arguments are required: BASE\nsee harness compare --help\n"),
        (["compare", "a", "b", "--fail-over", "-1"], "argument --fail-over: must be 0 or more\n"),
        (["report", "a", "b"], "'b' is one word too many\nsee harness report --help\n"),
        (["list", "strateges"], "nothing to list under 'strateges'; did you mean 'strategies'?\n"),
    ],
)
def test_words_that_it_does_not_know_are_one_line(harness, words, message):
    """With what was meant or where to read on, exit 2, and no usage."""
    code, out, err = harness(*words)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert len(err.splitlines()) <= 2


@pytest.mark.parametrize("group", ["strategies", "strategy"])
def test_one_group_is_listed(harness, group):
    """By its plural or its singular."""
    _, out, _ = harness("list", group)
    assert out.startswith("strategies:")
    assert "\n  article_10 " in out
    assert "profiles:" not in out


def test_a_line_that_is_too_long_for_the_terminal_is_cut():
    """With an ellipsis, at its last column."""
    groups = {"faults": {"stall": "silence " * 20, "drop": "short"}}
    narrow = listing(groups, 40).splitlines()
    assert [len(line) for line in narrow] == [40, 40, 14]
    assert narrow[1].endswith("…")
    assert narrow[2] == "  drop   short"


def test_a_pipe_gets_whole_lines():
    """However long."""
    groups = {"faults": {"stall": ("silence " * 20).strip()}}
    assert listing(groups, None).splitlines()[1] == f"  stall  {('silence ' * 20).strip()}"
