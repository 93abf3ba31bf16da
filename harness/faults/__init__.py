"""Misbehaviours of a server, each a small class that edits a script's timeline and registers itself by its `kind`.

Whoever adds a module of faults imports it here.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from harness.faults import connections, endings, stalls, statuses
from harness.faults.base import Fault, Meeting

if TYPE_CHECKING:
    AnyFault = Fault

__all__ = ["AnyFault", "Fault", "Meeting", "catalogue", "connections", "endings", "stalls", "statuses"]


def __getattr__(name: str) -> Any:
    """`AnyFault`: whatever is registered, told apart by `kind`; profiles parse their `faults` by it.

    It is made when profiles are first needed, so that faults which somebody else has defined by then belong to it.
    """
    if name != "AnyFault":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: Any = Annotated[reduce(or_, Fault.register.values()), Field(discriminator="kind")]
    return globals().setdefault(name, found)


def catalogue() -> dict[str, str]:
    """Every fault by its kind, with a line about what it does, for `harness list`."""
    return {kind: _line(fault) for kind, fault in sorted(Fault.register.items())}


def _line(fault: Any) -> str:
    return str(fault.__doc__).splitlines()[0]
