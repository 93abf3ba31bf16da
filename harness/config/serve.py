"""The settings of `harness serve`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from harness.config.errors import validation_error
from harness.config.files import find, load
from harness.config.recorded import expanded
from harness.errors import UserError
from harness.profiles import Profile


@dataclass(frozen=True, config=ConfigDict(extra="forbid", defer_build=True))
class ServeSettings:
    """Where the mock listens and how it behaves. `time_scale` multiplies the profile's times."""

    profile: Profile
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, strict=True)] = 8000
    seed: Annotated[int, Field(ge=0, strict=True)] = 0
    time_scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    allow_remote: bool = False


def serve_settings(words: Sequence[str]) -> ServeSettings:
    """The settings that key=value words describe; profile.KEY and fault.KEY change their fields. Raises UserError."""
    values: dict[str, Any] = {"profile": "article", "fault": None}
    changes: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            raise UserError(f"'{word}' is not key=value")
        (changes if key.startswith(("profile.", "fault.")) else values)[key] = _value(text)
    name, fault = str(values["profile"]), values.pop("fault")
    groups = {"profile": load(find("profile", name))}
    if fault is not None:
        groups["fault"] = load(find("fault", str(fault)))
    for key, value in changes.items():
        group = key.partition(".")[0]
        if group not in groups:
            raise UserError(f"'{key}' needs fault=NAME, which says what is changed")
        _change(groups[group], key, value)
    fields = groups["profile"]
    if fault is not None:
        fields |= {"name": f"{fields['name']}+{fault}", "faults": [*fields.get("faults", []), groups["fault"]]}
    try:
        values["profile"] = TypeAdapter(Profile).validate_python(expanded(fields, name))
    except ValidationError as error:
        raise validation_error(error, f"profile {name}", Profile) from None
    try:
        return TypeAdapter(ServeSettings).validate_python(values)
    except ValidationError as error:
        raise validation_error(error, "", ServeSettings) from None


def _value(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _change(fields: dict[str, Any], key: str, value: Any) -> None:
    """Set the field that a dotted key names; sections that are not there yet are made."""
    *sections, last = key.split(".")[1:]
    if not all((*sections, last)):
        raise UserError(f"'{key}' names no field: write {key.partition('.')[0]}.FIELD=VALUE")
    for section in sections:
        inner = fields.setdefault(section, {})
        if not isinstance(inner, dict):
            raise UserError(f"'{key}' leads nowhere: {section} is a value, not a section")
        fields = inner
    fields[last] = value
