"""The arithmetic of axes, include and exclude."""

import pytest

from harness.config.matrix import cell_name, expand
from harness.errors import UserError


def test_axes_multiply_in_order():
    """The last axis runs fastest."""
    assert expand({"a": [1, 2], "b": ["x", "y"]}) == [
        {"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"},
    ]  # fmt: skip


def test_no_axes_are_one_cell():
    """A run without a matrix plays its strategy."""
    assert expand({}) == [{}]


def test_exclude_drops_what_it_matches():
    """A partial entry matches every combination that agrees with it."""
    assert expand({"a": [1, 2], "b": [3, 4], "exclude": [{"a": 1}]}) == [{"a": 2, "b": 3}, {"a": 2, "b": 4}]


def test_include_adds_to_what_it_fits():
    """An entry that contradicts nothing is merged; one that fits nowhere is a cell of its own."""
    matrix = {"a": [1, 2], "include": [{"a": 1, "c": 9}, {"a": 5}, {"d": 0}]}
    assert expand(matrix) == [{"a": 1, "c": 9, "d": 0}, {"a": 2, "d": 0}, {"a": 5}]


def test_include_alone_is_a_matrix():
    """A list of cells, written out."""
    assert expand({"include": [{"a": 1}, {"a": 2}]}) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ({"a": []}, "matrix.a is empty"),
        ({"a": 1}, "matrix.a must be a list"),
        ({"a": [1], "exclude": [{"a": 1}]}, "the matrix is empty"),
        ({"a": [1], "exclude": {"a": 1}}, "matrix.exclude must be a list of mappings"),
        ({"a": [1], "include": [3]}, "matrix.include must be a list of mappings"),
    ],
)
def test_impossible_matrices_are_refused(matrix, message):
    """Nothing to play is a mistake."""
    with pytest.raises(UserError, match=message):
        expand(matrix)


@pytest.mark.parametrize(
    ("combination", "name"),
    [
        ({"strategy": "article_10"}, "article_10"),
        ({"strategy": "article_10", "batch_size": 50}, "article_10,batch_size=50"),
        ({"timeout": None, "stream": True}, "timeout=default,stream=true"),
        ({"timeout": 2.5}, "timeout=2.5"),
        ({"timeout": 5.0}, "timeout=5"),
        ({}, "fallback"),
    ],
)
def test_cells_have_stable_names(combination, name):
    """They are keys in baselines and labels in charts."""
    assert cell_name(combination, "fallback") == name
