"""What the answers of all routes share. Pure: no clock, no socket."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from harness.mock.answers.tools import fragments, tool_call
from harness.mock.answers.words import identifier, words
from harness.mock.request import Question

_ENCODER = json.JSONEncoder(separators=(",", ":"))


def dump(value: Any) -> bytes:
    """JSON without spaces."""
    return _ENCODER.encode(value).encode()


class Answer(ABC):
    """The answer to one attempt: its whole body, or the parts in which it is streamed.

    `text_key` fixes the words (retries of a request say the same), `attempt_key` the ids. Each choice has `tokens`
    tokens: words, or the names of the tools that are called (`openings` of them) and fragments of their arguments.
    """

    #: What ids of this kind of answer begin with.
    prefix: ClassVar[str]

    def __init__(self, question: Question, *, length: int, text_key: str, attempt_key: str) -> None:
        self.question = question
        self.unique = identifier(attempt_key)
        self.id = self.prefix + self.unique
        self.calls = [tool_call(function, f"{text_key}/{i}") for i, function in enumerate(question.tools)]
        self.fragments = fragments(self.calls) if self.calls else []
        self.openings = len(self.calls)
        self.tokens = self.openings + len(self.fragments) if self.calls else length
        #: The words of each choice.
        self.texts = [] if self.calls else [words(length, f"{text_key}/{i}") for i in range(question.n)]

    @property
    def completion_tokens(self) -> int:
        """Tokens of all choices."""
        return self.tokens * self.question.n

    def finish_reason(self, natural_length: int) -> str:
        """Why the answer ends: tools were called, the request's limit cut it short, or it was complete."""
        if self.calls:
            return "tool_calls"
        limit = self.question.limit
        return "length" if limit is not None and limit < natural_length else "stop"

    @abstractmethod
    def body(self, finish_reason: str) -> bytes:
        """The whole answer, not streamed."""

    @abstractmethod
    def opening(self) -> bytes:
        """What a stream begins with, before any token."""

    @abstractmethod
    def part(self, start: int, stop: int) -> bytes:
        """The tokens from `start` to before `stop` of every choice."""

    @abstractmethod
    def finish(self, finish_reason: str) -> bytes:
        """What says that the answer is complete, and why."""

    @abstractmethod
    def usage(self) -> bytes:
        """What counts the tokens in a stream; empty when nobody asked."""

    def done(self) -> bytes:
        """What a stream ends with."""
        return b"data: [DONE]\n\n"
