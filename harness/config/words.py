"""The key=value words of the command line, before Hydra sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from itertools import product

from harness.config.errors import did_you_mean
from harness.config.files import GROUPS, find
from harness.errors import UserError
from harness.strategies import Strategy

#: Sections to which a word may add a key that the file did not spell out; pydantic judges the key.
_OPEN = ("matrix.", "profile.", "fault.", "strategy.", "workload.")
AXES_OF_STRATEGY = frozenset(field.name for kind in Strategy.register.values() for field in fields(kind)) - {
    "name",
    "kind",
    "description",
}


def prepared(words: Sequence[str], known: Sequence[str]) -> list[str]:
    """Hydra's overrides for the words; `known` are the top-level keys. Raises UserError."""
    overrides = []
    for word in words:
        key, equals, value = word.partition("=")
        name = key.lstrip("+")
        if word.startswith("~"):
            raise UserError(f"'{word}': nothing can be deleted; set {word[1:].partition('=')[0]}=null instead")
        if not equals:
            raise UserError(f"'{word}' is not key=value")
        _check_key(name, value, known)
        if name in GROUPS:
            find(name, value)
        overrides.append(f"++{name}={value}" if name.startswith(_OPEN) else f"{name}={value}")
    return overrides


def _check_key(name: str, value: str, known: Sequence[str]) -> None:
    top = name.partition(".")[0]
    if name == "hydra/launcher":
        raise UserError(f"{name}={value} plays runs side by side and needs -m: harness run -m a=1,2 {name}={value}")
    if top in AXES_OF_STRATEGY | {"batch_size"} and "." not in name:
        singular = f"strategy.{name}={value} or " if name in AXES_OF_STRATEGY else ""
        raise UserError(f"unknown key '{name}'; did you mean {singular}matrix.{name}=[{value}]?")
    if top not in known:
        raise UserError(f"unknown key '{name}'{did_you_mean(top, known)}")


def combinations(words: Sequence[str]) -> list[list[str]]:
    """Every combination of values where a word gives several, as in `profile=article,calm`. Raises UserError."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import OverrideParseException

    try:
        parsed = OverridesParser.create().parse_overrides(list(words))
    except OverrideParseException as error:
        raise UserError(f"'{error.override}' is not key=value") from None
    choices = [
        [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]
        if override.is_sweep_override()
        else [str(override.input_line)]
        for override in parsed
    ]
    return [list(combination) for combination in product(*choices)]
