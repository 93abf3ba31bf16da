"""The bodies and chunks that answer a chat request. Pure: no clock, no socket."""

from __future__ import annotations

import json
from hashlib import blake2b, shake_128
from typing import Any

from harness.mock.request import ChatRequest, Tool

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


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _event(value: Any) -> bytes:
    return b"data: " + _dump(value) + b"\n\n"
