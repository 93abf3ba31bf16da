"""Engines by name. A module of this package that has `opened` is one; it is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

from harness.engines.base import Engine

#: Engines that can play in real time: those of this process, and those that are `Synchronised`.
SYNCHRONISED = ("auto", "local", "processes", "ray")


def engine_named(name: str, *, most: int | None, options: Mapping[str, Any]) -> AbstractContextManager[Engine]:
    """The engine of `harness/engines/<name>.py`, open for as long as the block lasts.

    There is work for `most` workers at once, None where that is not known; `options` are settings of the engine's own.
    Raises UserError when it cannot be had.
    """
    opened: AbstractContextManager[Engine] = import_module(f"harness.engines.{name}").opened(most=most, options=options)
    return opened
