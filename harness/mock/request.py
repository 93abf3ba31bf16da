"""What a request asks for on each route, and what is wrong with it. Pure: no clock, no socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic_core import from_json

#: Tokens of all choices together: about what the longest answers of real models have.
MAX_TOKENS = 131_072
#: Numbers in all vectors of one answer together: computing more would hold up everybody else.
MAX_NUMBERS = 2**20
MAX_DIMENSIONS, DIMENSIONS = 3072, 1536

#: Bytes of a request's body.
MAX_BODY = 16 * 2**20

Tool = dict[str, Any]


class ApiError(Exception):
    """An answer in the shape of OpenAI's error bodies."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        kind: str = "invalid_request_error",
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


def too_large() -> ApiError:
    """What a body beyond the limit is answered with."""
    return ApiError(413, f"The body is larger than {MAX_BODY} bytes.", code="request_too_large")


def internal_error() -> ApiError:
    """What a client is told of a bug in this server."""
    message = "The server had an error while processing your request."
    return ApiError(500, message, code="internal_error", kind="server_error")


class Question(NamedTuple):
    """The fields of a request for an answer, on whichever route, that change the answer."""

    model: str
    prompt_tokens: int
    stream: bool = False
    include_usage: bool = False
    n: int = 1
    limit: int | None = None
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True, slots=True)
class Texts:
    """What a request for embeddings asks for."""

    model: str
    texts: tuple[str, ...]
    prompt_tokens: int
    dimensions: int
    base64: bool


def chat(body: bytes) -> Question:
    """The question in the body of a chat completion request. Raises ApiError with status 400."""
    fields = _object(body)
    name = "max_completion_tokens" if fields.get("max_completion_tokens") is not None else "max_tokens"
    functions = _functions(fields, nested=True)
    return _question(
        fields,
        limit=name,
        prompt_tokens=_prompt_tokens(_required(fields, "messages", list)),
        tools=_chosen(fields, functions, nested=True),
    )


def completion(body: bytes) -> Question:
    """The question in the body of a text completion request. Raises ApiError with status 400."""
    fields = _object(body)
    return _question(fields, limit="max_tokens", prompt_tokens=_counted(_texts(fields, "prompt")))


def response(body: bytes) -> Question:
    """The question in the body of a request to /v1/responses. Raises ApiError with status 400."""
    fields = _object(body)
    given = fields.get("input")
    if isinstance(given, list):
        prompt_tokens = sum(_message_tokens(item) for item in _required(fields, "input", list))
    else:
        prompt_tokens = _counted([_required(fields, "input", str)])
    functions = _functions(fields, nested=False)
    return _question(
        fields, limit="max_output_tokens", prompt_tokens=prompt_tokens, tools=_chosen(fields, functions, nested=False)
    )


def embedding(body: bytes) -> Texts:
    """What the body of a request for embeddings asks for. Raises ApiError with status 400."""
    fields = _object(body)
    texts = _texts(fields, "input")
    dimensions = _count(fields, "dimensions", MAX_DIMENSIONS) or DIMENSIONS
    if len(texts) * dimensions > MAX_NUMBERS:
        raise _invalid("input", f"at most {MAX_NUMBERS // dimensions} inputs of {dimensions} dimensions", len(texts))
    encoding = fields.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        raise _invalid("encoding_format", "'float' or 'base64'", encoding)
    return Texts(
        model=fields["model"],
        texts=tuple(texts),
        prompt_tokens=_counted(texts),
        dimensions=dimensions,
        base64=encoding == "base64",
    )


def _object(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BODY:
        raise too_large()
    try:
        fields = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise ApiError(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(fields, dict):
        raise ApiError(400, "The body must be a JSON object.")
    _required(fields, "model", str)
    return fields


def _question(fields: Mapping[str, Any], *, limit: str, prompt_tokens: int, tools: tuple[Tool, ...] = ()) -> Question:
    options = _typed(fields, "stream_options", dict) or {}
    n = _count(fields, "n", 128) or 1
    return Question(
        model=fields["model"],
        prompt_tokens=prompt_tokens,
        stream=_typed(fields, "stream", bool) or False,
        include_usage=_typed(options, "include_usage", bool) or False,
        n=n,
        limit=_count(fields, limit, MAX_TOKENS // n),
        tools=tools,
    )


def _invalid(name: str, expected: str, got: Any) -> ApiError:
    shown = json.dumps(got, default=str)[:100]
    return ApiError(400, f"Invalid '{name}': expected {expected}, got {shown}.", param=name, code="invalid_value")


def _texts(fields: Mapping[str, Any], name: str) -> list[str]:
    """A text, a list of texts, or tokens by their numbers, of which a list is one text."""
    given = fields.get(name)
    if isinstance(given, list) and given and all(isinstance(item, int) for item in given):
        given = [given]
    found = _required({name: [given] if isinstance(given, str) and given else given}, name, list)
    if not all(isinstance(item, str | list) for item in found):
        raise ApiError(400, f"Each of '{name}' must be a string or a list of tokens.", param=name, code="invalid_type")
    return [item if isinstance(item, str) else " ".join(map(str, item)) for item in found]


def _counted(texts: list[str]) -> int:
    return sum(len(text.split()) for text in texts)


def _required(fields: Mapping[str, Any], name: str, kind: type) -> Any:
    if not fields.get(name) and fields.get(name) in (None, [], ""):
        raise ApiError(400, f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
    return _typed(fields, name, kind)


def _typed(fields: Mapping[str, Any], name: str, kind: type) -> Any:
    value = fields.get(name)
    # In Python, but not in JSON, true is an integer.
    if value is not None and type(value) is not kind:
        message = f"Invalid type for '{name}': expected {kind.__name__}, got {type(value).__name__}."
        raise ApiError(400, message, param=name, code="invalid_type")
    return value


def _count(fields: Mapping[str, Any], name: str, ceiling: int) -> int | None:
    value: int | None = _typed(fields, name, int)
    if value is not None and not 1 <= value <= ceiling:
        message = f"Invalid '{name}': expected 1 to {ceiling}, got {value}"
        whole = f" ({MAX_TOKENS} tokens in all choices together)" if "tokens" in name else ""
        raise ApiError(400, f"{message}{whole}.", param=name, code="invalid_value")
    return value


def _prompt_tokens(messages: list[Any]) -> int:
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            text = "Each of 'messages' must be an object with a 'role'."
            raise ApiError(400, text, param="messages", code="invalid_type")
    return sum(map(_message_tokens, messages))


def _message_tokens(message: Any) -> int:
    return len(str(message.get("content") or "").split()) if isinstance(message, dict) else 0


def _functions(fields: Mapping[str, Any], *, nested: bool) -> list[Tool]:
    """The functions among the tools; in chat each stands in an object of its own (`nested`)."""
    found = []
    for tool in _typed(fields, "tools", list) or []:
        if not nested and isinstance(tool, dict) and tool.get("type", "function") != "function":
            continue  # web search and the like: nothing that the caller would have to answer
        function = tool.get("function") if nested and isinstance(tool, dict) else tool
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            where = "a 'function' with a 'name'" if nested else "a 'name'"
            raise ApiError(400, f"Each of 'tools' must have {where}.", param="tools")
        found.append(function)
    return found


def _chosen(fields: Mapping[str, Any], functions: list[Tool], *, nested: bool) -> tuple[Tool, ...]:
    choice = fields.get("tool_choice")
    if choice == "none":
        return ()
    if choice not in (None, "auto", "required"):
        functions = _named(choice, functions, nested=nested)
    if fields.get("parallel_tool_calls") is False:
        functions = functions[:1]
    return tuple(functions)


def _named(choice: Any, functions: list[Tool], *, nested: bool) -> list[Tool]:
    function = choice.get("function") if nested and isinstance(choice, dict) else choice
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str):
        message = "Invalid 'tool_choice': expected 'none', 'auto', 'required' or an object with a function's name."
        raise ApiError(400, message, param="tool_choice", code="invalid_value")
    found = [function for function in functions if function["name"] == name]
    if not found:
        raise ApiError(400, f"Invalid 'tool_choice': '{name}' is not in 'tools'.", param="tool_choice")
    return found
