"""Answers of POST /v1/completions, the route before chat."""

from __future__ import annotations

from typing import Any

from harness.mock.answers.base import Answer, dump
from harness.mock.answers.words import CREATED


class TextAnswer(Answer):
    """A text completion, or its chunks."""

    prefix = "cmpl-"

    def body(self, finish_reason: str) -> bytes:
        """One text for each choice, and usage."""
        choices = [_choice(index, "".join(text), finish_reason) for index, text in enumerate(self.texts)]
        return dump(self._envelope(choices=choices, usage=self._usage()))

    def opening(self) -> bytes:
        """Nothing: this route has no roles."""
        return b""

    def part(self, start: int, stop: int) -> bytes:
        """A chunk for each choice."""
        return b"".join(self._event(index, "".join(text[start:stop]), None) for index, text in enumerate(self.texts))

    def finish(self, finish_reason: str) -> bytes:
        """The chunk of each choice that carries its finish reason."""
        return b"".join(self._event(index, "", finish_reason) for index in range(self.question.n))

    def usage(self) -> bytes:
        """The chunk without choices that ends a stream with `include_usage`; empty without it."""
        if not self.question.include_usage:
            return b""
        return b"data: " + dump(self._envelope(choices=[], usage=self._usage())) + b"\n\n"

    def _event(self, index: int, text: str, finish_reason: str | None) -> bytes:
        return b"data: " + dump(self._envelope(choices=[_choice(index, text, finish_reason)])) + b"\n\n"

    def _usage(self) -> dict[str, int]:
        prompt, completion = self.question.prompt_tokens, self.completion_tokens
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

    def _envelope(self, **rest: Any) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "text_completion",
            "created": CREATED,
            "model": self.question.model,
            **rest,
        }


def _choice(index: int, text: str, finish_reason: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish_reason}
