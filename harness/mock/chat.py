"""What a chat request asks for, and the bodies and chunks that answer it. Pure: no clock, no socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b, shake_128
from typing import Any

#: Tokens of all choices together: about what the longest answers of real models have.
MAX_TOKENS = 131_072
CREATED = 1_700_000_000  # equal seeds give equal bytes, so an answer does not carry the time of day
_WORDS = [
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "haven",
    "indigo",
    "jasper",
    "kelp",
    "lumen",
    "maple",
    "north",
    "olive",
    "pearl",
    "quartz",
    "raven",
    "slate",
    "tulip",
    "umber",
    "velvet",
    "willow",
    "xenon",
    "yarrow",
    "zephyr",
    "acorn",
    "basil",
    "coral",
    "dune",
    "echo",
    "fern",
]

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


class Answer:
    """The answer to one attempt: its whole body, or its chunks.

    `text_key` fixes the words (retries of a request say the same), `attempt_key` the ids. `length` is the number of
    tokens of each choice.
    """

    def __init__(self, request: ChatRequest, *, length: int, text_key: str, attempt_key: str) -> None:
        self.request = request
        self.id = f"chatcmpl-{blake2b(attempt_key.encode(), digest_size=12).hexdigest()}"
        self._calls = [_tool_call(function, f"{text_key}/{i}") for i, function in enumerate(request.tools)]
        pieces = _tool_pieces(self._calls) if self._calls else None
        #: Deltas of choice j, one for each token, in order.
        self.deltas: list[list[dict[str, Any]]] = [
            pieces or [{"content": word} for word in _words(length, f"{text_key}/{j}")] for j in range(request.n)
        ]
        self.tokens = len(self.deltas[0])

    def usage(self) -> dict[str, Any]:
        """Tokens of the prompt (words, roughly) and of all choices."""
        prompt, completion = self.request.prompt_tokens, self.tokens * self.request.n
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

    def finish_reason(self, natural_length: int) -> str:
        """Why the answer ends: tools were called, the request's limit cut it short, or it was complete."""
        if self._calls:
            return "tool_calls"
        limit = self.request.limit
        return "length" if limit is not None and limit < natural_length else "stop"

    def body(self, finish_reason: str) -> bytes:
        """The whole answer, not streamed."""
        choices = []
        for index, deltas in enumerate(self.deltas):
            content = None if self._calls else "".join(delta["content"] for delta in deltas)
            message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
            if self._calls:
                message["tool_calls"] = self._calls
            choices.append({"index": index, "message": message, "logprobs": None, "finish_reason": finish_reason})
        return _dump(self._envelope("chat.completion", choices=choices, usage=self.usage()))

    def role_chunk(self) -> bytes:
        """The first chunk of each choice: a role and no content."""
        content = None if self._calls else ""
        return self._chunks([{"role": "assistant", "content": content, "refusal": None}] * self.request.n, None)

    def token_chunk(self, start: int, stop: int) -> bytes:
        """A chunk for each choice with the tokens from `start` to before `stop`."""
        if self._calls or stop - start == 1:
            return b"".join(self._chunks([deltas[i] for deltas in self.deltas], None) for i in range(start, stop))
        joined = [{"content": "".join(delta["content"] for delta in deltas[start:stop])} for deltas in self.deltas]
        return self._chunks(joined, None)

    def finish_chunk(self, finish_reason: str) -> bytes:
        """The chunk of each choice that carries its finish reason."""
        return self._chunks([{}] * self.request.n, finish_reason)

    def usage_chunk(self) -> bytes:
        """The chunk without choices that ends a stream with `include_usage`; empty without it."""
        if not self.request.include_usage:
            return b""
        return _event(self._envelope("chat.completion.chunk", choices=[], usage=self.usage()))

    def _chunks(self, deltas: list[dict[str, Any]], finish_reason: str | None) -> bytes:
        return b"".join(
            _event(
                self._envelope(
                    "chat.completion.chunk",
                    choices=[{"index": j, "delta": delta, "logprobs": None, "finish_reason": finish_reason}],
                )
            )
            for j, delta in enumerate(deltas)
        )

    def _envelope(self, kind: str, **rest: Any) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": CREATED,
            "model": self.request.model,
            "service_tier": "default",
            "system_fingerprint": "fp_harness",
            **rest,
        }


def _words(count: int, key: str) -> list[str]:
    # A property's name from JSON may hold half a surrogate pair.
    digest = shake_128(key.encode(errors="surrogatepass")).digest(count)
    words = [_WORDS[byte % len(_WORDS)] for byte in digest]
    return [words[0], *(f" {word}" for word in words[1:])]


def _tool_call(function: Tool, key: str) -> dict[str, Any]:
    schema = function.get("parameters")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    names = list(properties) if isinstance(properties, dict) else []
    arguments = {
        name: _example(properties[name] if isinstance(properties, dict) else {}, f"{key}/{name}") for name in names
    }
    return {
        "id": f"call_{blake2b(key.encode(), digest_size=12).hexdigest()}",
        "type": "function",
        "function": {"name": function["name"], "arguments": json.dumps(arguments)},
    }


def _example(schema: Any, key: str) -> Any:
    """A value of the type that a property's schema names."""
    schema = schema if isinstance(schema, dict) else {}
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    word = _words(1, key)[0]
    examples = {"integer": 7, "number": 0.5, "boolean": True, "array": [], "object": {}, "null": None}
    kind = schema.get("type")
    return examples.get(kind, word) if isinstance(kind, str) else word


def _tool_pieces(calls: list[dict[str, Any]], size: int = 6) -> list[dict[str, Any]]:
    """Deltas that name each call first and then interleave fragments of their arguments."""
    pieces = []
    for index, call in enumerate(calls):
        opened = call | {"index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
        pieces.append({"tool_calls": [opened]})
    texts = [call["function"]["arguments"] for call in calls]
    for start in range(0, max(map(len, texts)), size):
        for index, text in enumerate(texts):
            if text[start : start + size]:
                fragment = {"index": index, "function": {"arguments": text[start : start + size]}}
                pieces.append({"tool_calls": [fragment]})
    return pieces


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _event(value: Any) -> bytes:
    return b"data: " + _dump(value) + b"\n\n"
