"""Client settings that a cell tests, each kind a small class that registers itself. Pure: nothing sends or sleeps.

Whoever adds a module of strategies imports it here.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter

from harness.strategies import hedges, restarts, sdk
from harness.strategies.base import OFF, Strategy
from harness.strategies.memory import Memory
from harness.strategies.played import Played
from harness.strategies.sdk import Sdk


def _with_kind(value: Any) -> Any:
    # Files from before there were other kinds say nothing of theirs.
    return {"kind": "sdk", **value} if isinstance(value, dict) else value


if TYPE_CHECKING:
    AnyStrategy = Strategy
else:
    #: Whatever is registered, told apart by `kind`.
    AnyStrategy = Annotated[
        Annotated[reduce(or_, Strategy.register.values()), Field(discriminator="kind")], BeforeValidator(_with_kind)
    ]

#: Builds a strategy from plain data. Its `validate_python` raises pydantic.ValidationError.
ADAPTER: TypeAdapter[Strategy] = TypeAdapter(AnyStrategy)


def memory_of(strategy: Strategy) -> Memory:
    """What the requests of one client under a strategy share; empty at first."""
    return strategy.memory() if isinstance(strategy, Played) else Memory()


__all__ = [
    "ADAPTER",
    "OFF",
    "AnyStrategy",
    "Memory",
    "Played",
    "Sdk",
    "Strategy",
    "hedges",
    "memory_of",
    "restarts",
    "sdk",
]
