"""Answers, and chunks of a stream, as the JSON that they are, where the SDK would build a model of each."""

from __future__ import annotations

from typing import Any


class Plain:
    """A JSON object whose members are read as attributes, as those of the SDK's models are; what is absent is None."""

    __slots__ = ("_members",)

    def __init__(self, members: dict[str, Any]) -> None:
        self._members = members

    def __getattr__(self, name: str) -> Any:
        # Most members are texts and numbers, for which another call would double the time.
        value = self._members.get(name)
        return plain(value) if type(value) in _NESTED else value

    def to_dict(self) -> dict[str, Any]:
        """The object itself."""
        return dict(self._members)


_NESTED = (dict, list)


def plain(value: Any) -> Any:
    """A value as the json module reads it, its objects as `Plain` however deep they lie in lists."""
    kind = type(value)
    if kind is dict:
        return Plain(value)
    if kind is list:
        return [plain(entry) for entry in value]
    return value
