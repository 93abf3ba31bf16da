"""Every command that is documented does what it is said to do: it runs here, made small, with stand-ins for what is the
reader's own (`stand_ins.py`). The slow tests run them; the fast ones see that each can be run."""

import re

import playing
import pytest
import small_commands
import stand_ins
from documents import (
    DOCUMENTS,
    ROOT,
    SHELL,
    Line,
    Session,
    blocks,
    examples,
    guides,
    name_of,
    sessions,
    singles,
    spans,
    typed,
)
from shell_words import steps

from harness.cli.commands import COMMANDS
from harness.mock.server import ServerProcess
from harness.profiles import Profile


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    """A reader types them anywhere, without a key; what a job on GitHub is told must not be written to."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """What placeholders stand for."""
    folder = tmp_path_factory.mktemp("made")
    playing.make(folder)
    return folder


@pytest.fixture(scope="session")
def api():
    """A server that answers at once, in place of every API."""
    with ServerProcess(Profile.from_dict({"name": "api"})) as server:
        yield server.base_url


def named(found):
    """Sessions with their names."""
    return [pytest.param(session, id=session.name) for session in found]


@pytest.mark.slow
@pytest.mark.parametrize("guide", named(guides()))
def test_the_blocks_of_a_document_run_in_their_order(guide, tmp_path, made, api, monkeypatch):
    """In one folder, from top to bottom, so that later blocks find what earlier ones wrote."""
    playing.prepare(tmp_path, made, guide, strictly=True)
    playing.play(guide, api, monkeypatch)


def distinct(found):
    """Those that are not the same once they are small; tests/docs/test_documents.py composes each as it stands."""
    kept = {}
    for session in found:
        (line,) = session.lines
        try:
            same = [small_commands.small(step, "an API").text for step in stand_ins.known_steps(line)]
        except AssertionError:
            # It fails where it is run.
            same = [line.text]
        kept.setdefault((*same, *session.files.values()), session)
    return kept.values()


@pytest.mark.slow
@pytest.mark.parametrize("single", named(distinct(singles())))
def test_commands_in_running_text_run(single, tmp_path, made, api, monkeypatch):
    """Each by itself, those in tables and at the head of experiments too."""
    playing.prepare(tmp_path, made, single, strictly=False)
    playing.play(single, api, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("shown", named(examples()))
def test_the_examples_of_a_subcommand_run(shown, tmp_path, made, api, monkeypatch):
    """What its --help shows, in that order."""
    playing.prepare(tmp_path, made, shown, strictly=False)
    playing.play(shown, api, monkeypatch)


@pytest.mark.parametrize("session", sessions(), ids=lambda session: session.name)
def test_every_step_is_known(session):
    """Placeholders have stand-ins, subcommands and flags exist, and what no test runs has its reason."""
    for line in session.lines:
        if line.language == "python":
            continue
        for step in stand_ins.known_steps(line):
            if step.is_harness:
                stand_ins.parses(line.where, small_commands.small(step, "http://127.0.0.1:1/v1"))


def test_every_subcommand_is_documented():
    """So that the tests above cannot pass on nothing."""
    found = {
        step.words[1]
        for session in guides() + singles()
        for line in session.lines
        if line.language != "python"
        for step in steps(stand_ins.filled(line.text))
        if step.is_harness and len(step.words) > 1
    }
    assert {"run", "report", "compare", "baseline", "tune", "serve", "list", "new"} <= found
    assert [session.name for session in examples()] == [f"harness {command.name} --help" for command in COMMANDS]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_no_command_hides_in_another_kind_of_block(document):
    """Lines for a shell stand in blocks that say so; others are what a command prints."""
    hidden = [
        f"{block.where}: {line}"
        for block in blocks(document.read_text(), name_of(document))
        if block.language not in SHELL | {"python", "yaml", "yml"}
        for line in block.text.splitlines()
        if re.match(r"(\$ )?harness\s", line)
    ]
    assert hidden == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_tests_that_documents_name_exist(document):
    """`pytest tests/...` in blocks and in running text is CI's to run; here its files are looked for."""
    text = document.read_text()
    lines = [line.text for line in typed(blocks(text)) if line.language == "sh"] + [text for _, text in spans(text)]
    named = {path for line in lines if "pytest" in line for path in re.findall(r"(?<![\w/])tests/[\w/.]+", line)}
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_the_two_lines_of_the_readme_are_run_by_ci_as_they_stand():
    """They set up an environment and play in full, which no test here does."""
    script = (ROOT / ".ci" / "run").read_text()
    assert re.search(r"awk '/\^```sh\$/.*README\.md\)", script)
    assert 'bash -euo pipefail -c "$command"' in script
    first = next(block for block in blocks((ROOT / "README.md").read_text()) if block.language in SHELL)
    assert len(typed([first])) == len(first.text.splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("harness tune SOMETHING", "a placeholder that no test fills in: SOMETHING"),
        ("harness compare <base> candidate", "a placeholder that no test fills in: <base>"),
        ("harness run article ...", r"a placeholder that no test fills in: \.\.\."),
        ("harness run article 'matrix.timeout=[5", "cannot be typed into a shell"),
        ("harness run article && docker run it", "no test runs 'docker run it'"),
    ],
)
def test_what_is_new_in_a_document_fails_until_it_is_known(text, message):
    """With where it stands, and what to do about it."""
    with pytest.raises(AssertionError, match=f"docs/new.md:7: .*{message}"):
        stand_ins.known_steps(Line("docs/new.md:7", text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("harness compair a b", "did you mean 'compare'"),
        ("harness report run --figures", "exits 2"),
        ("harness run artcle", "no experiment named 'artcle'"),
        ("harness tune nowhere", "exits 2"),
    ],
)
def test_a_command_that_is_wrong_fails(text, message, monkeypatch):
    """With what the command itself says."""
    with pytest.raises(AssertionError, match=message):
        playing.play(Session("docs/new.md", (Line("docs/new.md:7", text),)), "http://127.0.0.1:1/v1", monkeypatch)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "harness run article trials=400",
            "harness run article workload.batches=1 workload.batch_size=12 trials=2 report=false",
        ),
        (
            "harness run trials=auto report=true precision.max_trials=9",
            "harness run trials=auto report=true workload.batches=1 workload.batch_size=12 precision.max_trials=3",
        ),
        ("harness run fault_matrix --dry-run", "harness run fault_matrix --dry-run"),
        ("harness run [EXPERIMENT] [key=value ...]", "harness run --help"),
        ("harness tune", "harness tune --help"),
        ("harness report run --trial 7", "harness report run --trial 1"),
        ("harness serve port=8000 seed=7", "harness serve seed=7 port=0"),
    ],
)
def test_commands_are_made_small(text, expected):
    """Only in what makes them long."""
    (step,) = steps(text)
    assert " ".join(small_commands.small(step, "http://127.0.0.1:1/v1").words) == expected
