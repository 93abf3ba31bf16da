"""What the engines of clusters share: how many workers are used, and the lines that say what is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from harness.engines.shipping import NEEDS
from harness.errors import UserError


def granted(wanted: int | None, free: int, most: int | None) -> int:
    """How many workers there are: as many as are wanted, of those that are free, and as there is work for."""
    return max(1, min(free if wanted is None else wanted, free, free if most is None else most))


def few(wanted: int | None, free: int, where: str) -> str | None:
    """The line that says that there are fewer workers than wanted; None where there are enough."""
    if wanted is None or wanted <= free:
        return None
    return f"cluster.workers={wanted}, but {where} has {free} free: going on with {free}"


def foreign(where: str, theirs: Mapping[str, str | None], ours: Mapping[str, str]) -> None:
    """Make sure that versions are equal, where they are told. Raises UserError."""
    differ = {name: version for name, version in theirs.items() if version not in {None, ours[name]}}
    if differ:
        there = " and ".join(f"{name} {version}" for name, version in differ.items())
        here = " and ".join(f"{name} {ours[name]}" for name in differ)
        raise UserError(f"{where} runs {there}, this command {here}; they must be the same")


def first_line(error: BaseException) -> str:
    """What an error says, without its full stop, or its type where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def missing(error: ImportError, where: str) -> UserError:
    """The line for workers that lack what the code imports."""
    name = error.name or str(error)
    return UserError(f"the workers of {where} lack the module '{name}'; install there what the harness needs: {NEEDS}")
