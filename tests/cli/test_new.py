"""`harness new experiment`: a file to start from that runs as it is."""

from pathlib import Path

import pytest

from harness.config import compose


def test_what_is_written_runs_as_it_is(harness):
    """Its matrix composes, its own hints too, and the command says what to do next."""
    code, out, err = harness("new", "experiment", "my_sweep")
    assert (code, out) == (0, "conf/experiment/my_sweep.yaml\n")
    assert err == "edit it, and then: harness run my_sweep\n"
    assert [cell.name for cell in compose("my_sweep").cells] == ["article_none", "article_10", "adaptive"]
    path = Path(out.strip())
    path.write_text(path.read_text().replace("  # dispatch:", "  dispatch:").replace("  # exclude:", "  exclude:"))
    assert len(compose("my_sweep").cells) == 5
    small = ("trials=1", "workload.batches=1", "workload.batch_size=2", "report=false", "out=run")
    assert harness("run", "my_sweep", *small)[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("experiment", "article"), "error: there is an experiment named 'article' already: "),
        (("experiment", "My Sweep"), "error: 'My Sweep' makes no name of an experiment; use small letters"),
        (("experiment", "../escape"), "error: '../escape' makes no name of an experiment"),
        (("strategy", "mine"), "error: argument KIND: no kind of file 'strategy'; there are: experiment"),
    ],
)
def test_names_that_cannot_be_are_refused(harness, words, message):
    """In one line, exit 2, and nothing is written."""
    code, _, err = harness("new", *words)
    assert code == 2
    assert message in err
    assert not Path("conf").exists()


def test_nothing_is_overwritten(harness):
    """A second time it is there already."""
    assert harness("new", "experiment", "mine")[0] == 0
    Path("conf/experiment/mine.yaml").write_text("question: edited\n")
    code, _, err = harness("new", "experiment", "mine")
    assert code == 2
    assert err.startswith("error: there is an experiment named 'mine' already: ")
    assert Path("conf/experiment/mine.yaml").read_text() == "question: edited\n"


def test_a_place_that_cannot_be_written_is_said(harness):
    """In one line."""
    Path("conf").write_text("")
    code, _, err = harness("new", "experiment", "mine")
    assert code == 2
    assert err.startswith("error: cannot write conf/experiment/mine.yaml (")
