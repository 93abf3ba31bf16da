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
else:
    #: Whatever is registered, told apart by `kind`; profiles parse their `faults` by it.
    AnyFault = Annotated[reduce(or_, Fault.register.values()), Field(discriminator="kind")]

__all__ = ["AnyFault", "Fault", "Meeting", "catalogue", "connections", "endings", "stalls", "statuses"]


def catalogue() -> dict[str, str]:
    """Every fault by its kind, with a line about what it does, for `harness list`."""
    return {kind: _line(fault) for kind, fault in sorted(Fault.register.items())}


def _line(fault: Any) -> str:
    return str(fault.__doc__).splitlines()[0]
