"""What a chat request asks for, and what is wrong with it. Pure: no clock, no socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Tokens of all choices together: about what the longest answers of real models have.
MAX_TOKENS = 131_072

Tool = dict[str, Any]


class ApiError(Exception):
    """An answer in the shape of OpenAI's error bodies."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """The fields of a chat completion request that change the answer."""

    model: str
    prompt_tokens: int
    stream: bool
    include_usage: bool
    n: int
    limit: int | None
    tools: tuple[Tool, ...]

    @classmethod
    def parse(cls, body: bytes) -> ChatRequest:
        """The request in a body. Raises ApiError with status 400."""
        try:
            fields = _DECODER.decode(body.decode())
        except (ValueError, RecursionError):
            raise ApiError(400, "We could not parse the JSON body of your request.") from None
        if not isinstance(fields, dict):
            raise ApiError(400, "The body must be a JSON object.")
        options = _typed(fields, "stream_options", dict) or {}
        n = _count(fields, "n", 128) or 1
        limit_name = "max_completion_tokens" if fields.get("max_completion_tokens") is not None else "max_tokens"
        return cls(
            model=_required(fields, "model", str),
            prompt_tokens=_prompt_tokens(_required(fields, "messages", list)),
            stream=_typed(fields, "stream", bool) or False,
            include_usage=_typed(options, "include_usage", bool) or False,
            n=n,
            limit=_count(fields, limit_name, MAX_TOKENS // n),
            tools=_tools(fields),
        )


def _required(fields: Mapping[str, Any], name: str, kind: type) -> Any:
    if fields.get(name) in (None, [], ""):
        raise ApiError(400, f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
    return _typed(fields, name, kind)


def _typed(fields: Mapping[str, Any], name: str, kind: type) -> Any:
    value = fields.get(name)
    # In Python, but not in JSON, true is an integer.
    if value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        message = f"Invalid type for '{name}': expected {kind.__name__}, got {type(value).__name__}."
        raise ApiError(400, message, param=name, code="invalid_type")
    return value


def _count(fields: Mapping[str, Any], name: str, ceiling: int) -> int | None:
    value: int | None = _typed(fields, name, int)
    if value is not None and not 1 <= value <= ceiling:
        message = f"Invalid '{name}': expected 1 to {ceiling}, got {value}"
        whole = "" if name == "n" else f" ({MAX_TOKENS} tokens in all choices together)"
        raise ApiError(400, f"{message}{whole}.", param=name, code="invalid_value")
    return value


def _prompt_tokens(messages: list[Any]) -> int:
    if not all(isinstance(message, dict) and isinstance(message.get("role"), str) for message in messages):
        raise ApiError(
            400, "Each of 'messages' must be an object with a 'role'.", param="messages", code="invalid_type"
        )
    return sum(len(str(message.get("content") or "").split()) for message in messages)


def _tools(fields: Mapping[str, Any]) -> tuple[Tool, ...]:
    functions = []
    for tool in _typed(fields, "tools", list) or []:
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise ApiError(400, "Each of 'tools' must have a 'function' with a 'name'.", param="tools")
        functions.append(function)
    choice = fields.get("tool_choice")
    if choice == "none":
        return ()
    if choice not in (None, "auto", "required"):
        functions = _named(choice, functions)
    if fields.get("parallel_tool_calls") is False:
        functions = functions[:1]
    return tuple(functions)


def _named(choice: Any, functions: list[Tool]) -> list[Tool]:
    function = choice.get("function") if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str):
        message = "Invalid 'tool_choice': expected 'none', 'auto', 'required' or an object with a function's name."
        raise ApiError(400, message, param="tool_choice", code="invalid_value")
    found = [function for function in functions if function["name"] == name]
    if not found:
        raise ApiError(400, f"Invalid 'tool_choice': '{name}' is not in 'tools'.", param="tool_choice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
