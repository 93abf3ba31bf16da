"""Client settings that a cell tests, each kind a small class that registers itself. Pure: nothing sends or sleeps.

Whoever adds a module of strategies imports it here.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter

from harness.strategies import hedges, restarts, sdk
from harness.strategies.base import OFF, SDK_POOL, Strategy
from harness.strategies.memory import Memory
from harness.strategies.played import Played
from harness.strategies.sdk import Sdk


def _with_kind(value: Any) -> Any:
    # Files from before there were other kinds say nothing of theirs.
    return {"kind": "sdk", **value} if isinstance(value, dict) else value


if TYPE_CHECKING:
    AnyStrategy = Strategy
    ADAPTER: TypeAdapter[Strategy]


def __getattr__(name: str) -> Any:
    """`AnyStrategy`: whatever is registered, told apart by `kind`. `ADAPTER` builds one of them from plain data; its
    `validate_python` raises pydantic.ValidationError.

    Both are made when they are first needed, so that strategies which somebody else has defined by then belong to them.
    """
    if name not in {"ADAPTER", "AnyStrategy"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    kinds: Any = Annotated[reduce(or_, Strategy.register.values()), Field(discriminator="kind")]
    found: Any = Annotated[kinds, BeforeValidator(_with_kind)]
    globals().update(AnyStrategy=found, ADAPTER=TypeAdapter(found, config=ConfigDict(defer_build=True)))
    return globals()[name]


def memory_of(strategy: Strategy) -> Memory:
    """What the requests of one client under a strategy share; empty at first."""
    return strategy.memory() if isinstance(strategy, Played) else Memory()


__all__ = [
    "ADAPTER",
    "OFF",
    "SDK_POOL",
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
