"""The cells of a matrix, their reference, and words that would change nothing."""

from __future__ import annotations

import pytest

from harness.config import compose
from harness.config.files import load
from harness.errors import UserError
from harness.faults import catalogue as faults


def test_a_file_is_read_once_however_many_cells_name_it(monkeypatch):
    """936 cells name a few strategies and faults."""
    read = []
    for module in ("harness.config.cells", "harness.presets"):
        monkeypatch.setattr(f"{module}.load", lambda path: read.append(path) or load(path))
    cells = compose("fault_matrix").cells
    assert len(cells) == 936
    assert len(read) == len(set(read)) == len(faults()) + len({cell.strategy.name for cell in cells})


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["precision.within=0.1"], "'precision.within=0.1' has no effect: trials=5 says how many; use trials=auto"),
        (["reference=article_11"], "reference: no cell named 'article_11'; did you mean 'article_10'?"),
        (
            ["engine=ray", "cluster.address=ray://head:10001"],
            "cluster.address: the head of a Ray cluster is named by HOST:PORT, not ray://head:10001",
        ),
        (
            ["engine=dask", "cluster.address=http://head:8786"],
            "cluster.address: a Dask scheduler is named by HOST:PORT, not http://head:8786",
        ),
        (
            ["hydra/launcher=joblib"],
            "hydra/launcher=joblib plays runs side by side and needs -m: harness run -m a=1,2 hydra/launcher=joblib",
        ),
    ],
)
def test_what_would_be_without_effect_is_refused(words, line):
    """In one line that says what to do."""
    with pytest.raises(UserError) as error:
        compose("article", words)
    assert str(error.value) == line


def test_a_reference_that_a_changed_matrix_leaves_out_is_the_first_cell():
    """The experiment's own, that is: nobody typed it."""
    assert compose("article", ["matrix.strategy=[article_10,article_20]"]).reference == "article_10"
    assert compose("article", ["reference=article_20"]).reference == "article_20"


def test_scaled_times_are_said_beside_what_is_played():
    """Of both sides."""
    assert (
        ", virtual clock, times of server and client x 0.5, against the mock"
        in compose("article", ["time_scale=0.5"]).describe()
    )
    assert "times of" not in compose("article").describe()
