"""Turn what pydantic says into one line that a user can act on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

from pydantic import ValidationError

from harness.errors import UserError, did_you_mean
from harness.faults import Fault
from harness.strategies import Strategy


def validation_error(error: ValidationError, where: str, schema: type) -> UserError:
    """The first finding of a validation as one line; `where` is the dotted key of what was validated."""
    found = error.errors()[0]
    path = [
        part for part in found["loc"] if not (isinstance(part, str) and (part in _KINDS or not part.isidentifier()))
    ]
    key = ".".join([where, *map(str, path)] if where else map(str, path))
    value = found["input"]
    if found["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
        return UserError(f"unknown key '{key}'{did_you_mean(str(path[-1]), _fields_at(found['loc'], schema, path))}")
    if found["type"] in {"missing", "missing_argument"}:
        return UserError(f"{key} is missing")
    if found["type"] == "literal_error":
        choices = [choice.strip(" '") for choice in found["ctx"]["expected"].replace(" or ", ",").split(",")]
        return UserError(f"{key}: no such choice: {value!r}{did_you_mean(str(value), choices)}")
    text = found["msg"].removeprefix("Value error, ").removeprefix("Input ")
    # Our own checks say what they saw where that is wise; a URL may carry a password.
    return UserError(
        f"{key}: {text}" + (f" (got {value!r})" if found["type"] != "value_error" and _short(value) else "")
    )


#: Tags of union members, which stand in pydantic's paths and mean nothing to a user.
_DISTRIBUTIONS = {
    "constant",
    "uniform",
    "loguniform",
    "lognormal",
    "gamma",
    "pareto",
    "quantiles",
    "empirical",
    "mixture",
}
_KINDS = frozenset(_DISTRIBUTIONS | Fault.register.keys() | Strategy.register.keys())


def _short(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float) or value == []


def _fields_at(loc: Iterable[Any], schema: type, path: list[Any]) -> list[str]:
    """The fields of what a path leads to; where there are several kinds, their tag says which."""
    kinds: dict[str, type] = {**Fault.register, **Strategy.register}
    tagged = next((kinds[part] for part in reversed(list(loc)) if part in kinds), None)
    return _names(schema, path[:-1]) if tagged is None else [field.name for field in fields(tagged)]


def _names(schema: type, path: Iterable[Any]) -> list[str]:
    """The fields of the dataclass that a path leads to."""
    for part in path:
        inner = get_type_hints(schema).get(str(part)) if is_dataclass(schema) else None
        if not isinstance(inner, type):
            return []
        schema = inner
    return [field.name for field in fields(schema)] if is_dataclass(schema) else []
