"""The axes of a run, and what of their product is left out or added. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from harness.config import axes_of, expand


@dataclass(frozen=True)
class Matrix:
    """Values by axis; `excluded` combinations of them are left out, `included` cells stand beside them."""

    axes: Mapping[str, list[Any]]
    cells: int
    excluded: int
    included: int


def matrix(settings: Mapping[str, Any], cells: int) -> Matrix:
    """The matrix of a run's settings, which comes to so many cells."""
    axes = axes_of(settings)
    product = prod(map(len, axes.values())) if axes else 0
    without = {key: value for key, value in settings.items() if key != "include"}
    left = len(expand(without)) if axes and "exclude" in settings and settings["exclude"] else product
    return Matrix(dict(axes), cells, product - left, cells - left if axes else 0)
