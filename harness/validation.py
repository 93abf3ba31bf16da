"""Turn what pydantic says into one line that a user can act on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

from pydantic import ValidationError

from harness.errors import UserError, did_you_mean
from harness.faults import Fault
from harness.strategies import Strategy
from harness.workload.arrivals import Arrivals


def validation_error(error: ValidationError, where: str, schema: type) -> UserError:
    """The first finding of a validation as one line; `where` is the dotted key of what was validated."""
    found = error.errors()[0]
    unknown = found["type"] in {"unexpected_keyword_argument", "extra_forbidden"}
    # A key that nobody knows is the user's, however much it looks like one of pydantic's marks.
    last = found["loc"][-1:] if unknown else ()
    path = [*filter(_is_key, found["loc"][: len(found["loc"]) - len(last)]), *last]
    key = ".".join([where, *map(str, path)] if where else map(str, path))
    value = found["input"]
    if unknown:
        return UserError(f"unknown key '{key}'{did_you_mean(str(path[-1]), _fields_at(found['loc'], schema, path))}")
    if found["type"] in {"missing", "missing_argument"}:
        return UserError(f"{key} is missing")
    if found["type"] == "literal_error":
        choices = [choice.strip(" '") for choice in found["ctx"]["expected"].replace(" or ", ",").split(",")]
        return UserError(f"{key}: no such choice: {value!r}{did_you_mean(str(value), choices)}")
    if found["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        return _kind_error(".".join(filter(None, (key, "kind"))), found)
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
_KINDS = frozenset(_DISTRIBUTIONS | Fault.register.keys() | Strategy.register.keys() | Arrivals.register.keys())


def _kind_error(key: str, found: Mapping[str, Any]) -> UserError:
    """What is wrong with the `kind` of a fault, a distribution or a strategy."""
    if found["type"] == "union_tag_not_found":
        return UserError(f"{key} is missing")
    context = found["ctx"]
    tag, known = str(context["tag"]), {choice.strip(" '") for choice in context["expected_tags"].split(",")}
    nouns = {
        "distribution": _DISTRIBUTIONS,
        "strategy": Strategy.register.keys(),
        "fault": Fault.register.keys(),
        "arrivals": Arrivals.register.keys(),
    }
    noun = next((noun for noun, kinds in nouns.items() if known <= kinds), "kind")
    return UserError(f"{key}: no such {noun} '{tag}'{did_you_mean(tag, known)}")


def _is_key(part: str | int) -> bool:
    """Whether a part of pydantic's path is a key of the user's, or an index."""
    return isinstance(part, int) or (part not in _KINDS and part.isidentifier())


def _short(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float) or value == []


def _fields_at(loc: Iterable[Any], schema: type, path: list[Any]) -> list[str]:
    """The fields of what a path leads to; where there are several kinds, their tag says which."""
    parts = list(loc)
    # A constant is a distribution elsewhere.
    arrivals = Arrivals.register if "arrivals" in parts else {}
    kinds: dict[str, type] = {**Fault.register, **Strategy.register, **arrivals}
    tagged = next((kinds[part] for part in reversed(parts) if part in kinds), None)
    return _names(schema, path[:-1]) if tagged is None else [field.name for field in fields(tagged)]


def _names(schema: type, path: Iterable[Any]) -> list[str]:
    """The fields of the dataclass that a path leads to."""
    for part in path:
        inner = get_type_hints(schema).get(str(part)) if is_dataclass(schema) else None
        if not isinstance(inner, type):
            return []
        schema = inner
    return [field.name for field in fields(schema)] if is_dataclass(schema) else []
