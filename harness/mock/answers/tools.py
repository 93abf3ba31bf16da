"""Calls of tools: arguments that fit their schemas, and the pieces in which they are streamed."""

from __future__ import annotations

import json
from typing import Any

from harness.mock.answers.words import identifier, words
from harness.mock.request import Tool

#: Characters of arguments in one fragment.
_SIZE = 6


def tool_call(function: Tool, key: str) -> dict[str, Any]:
    """A call of a function with an example for each of its properties."""
    schema = function.get("parameters")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    properties = properties if isinstance(properties, dict) else {}
    arguments = {name: _example(value, f"{key}/{name}") for name, value in properties.items()}
    return {
        "id": f"call_{identifier(key)}",
        "type": "function",
        "function": {"name": function["name"], "arguments": json.dumps(arguments)},
    }


def fragments(calls: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """The arguments of each call in pieces, those of several calls by turns: (number of the call, piece)."""
    texts = [call["function"]["arguments"] for call in calls]
    starts = range(0, max(map(len, texts), default=0), _SIZE)
    pieces = [(number, text[start : start + _SIZE]) for start in starts for number, text in enumerate(texts)]
    return [(number, piece) for number, piece in pieces if piece]


def _example(schema: Any, key: str) -> Any:
    """A value of the type that a property's schema names."""
    schema = schema if isinstance(schema, dict) else {}
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    word = words(1, key)[0]
    examples = {"integer": 7, "number": 0.5, "boolean": True, "array": [], "object": {}, "null": None}
    kind = schema.get("type")
    return examples.get(kind, word) if isinstance(kind, str) else word
