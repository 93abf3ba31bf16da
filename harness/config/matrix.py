"""Expand a matrix of axes into cells, with `include` and `exclude` as in GitHub Actions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from harness.errors import UserError

Combination = dict[str, Any]


def axes_of(matrix: Mapping[str, Any]) -> dict[str, Any]:
    """The axes of a matrix, without `include` and `exclude`."""
    return {axis: values for axis, values in matrix.items() if axis not in {"include", "exclude"}}


def expand(matrix: Mapping[str, Any]) -> list[Combination]:
    """Every combination of the axes, minus what `exclude` matches, plus what `include` adds.

    An entry of `include` is merged into each combination whose values it does not contradict; when it fits none, it
    becomes a combination of its own. Raises UserError for an axis that is no list or is empty, and when nothing is
    left.
    """
    axes = axes_of(matrix)
    for axis, values in axes.items():
        if not isinstance(values, list):
            raise UserError(f"matrix.{axis} must be a list: matrix.{axis}=[{_text(values)}]")
        if not values:
            raise UserError(f"matrix.{axis} is empty: give it at least one value, or leave the axis out")
    excluded = _entries(matrix, "exclude")
    combinations = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    combinations = [each for each in combinations if not any(_matches(each, entry) for entry in excluded)]
    if not axes:
        combinations = []
    expanded = [dict(each) for each in combinations]
    for entry in _entries(matrix, "include"):
        fitting = [i for i, each in enumerate(combinations) if _compatible(each, entry)]
        for i in fitting:
            expanded[i] |= entry
        if not fitting:
            expanded.append(dict(entry))
    if (axes or "include" in matrix) and not expanded:
        raise UserError("the matrix is empty: exclude leaves no cell")
    return expanded or [{}]


def cell_name(combination: Mapping[str, Any], fallback: str) -> str:
    """A stable name: the strategy's, then `axis=value` for each other axis; null is the SDK's default."""
    parts = [str(value) if axis == "strategy" else f"{axis}={_text(value)}" for axis, value in combination.items()]
    return ",".join(parts) or fallback


def _entries(matrix: Mapping[str, Any], kind: str) -> Iterable[Combination]:
    entries = matrix.get(kind) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) and entry for entry in entries):
        raise UserError(f"matrix.{kind} must be a list of mappings, such as [{{timeout: 5, stream: true}}]")
    return entries


def _matches(combination: Combination, entry: Combination) -> bool:
    return all(axis in combination and combination[axis] == value for axis, value in entry.items())


def _compatible(combination: Combination, entry: Combination) -> bool:
    return all(combination[axis] == value for axis, value in entry.items() if axis in combination)


def _text(value: Any) -> str:
    if value is None:
        return "default"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
