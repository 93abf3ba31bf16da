"""What a request asks for, and whether an answer to it is one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from openai.types.chat import ChatCompletion

from harness.attempts import AttemptError
from harness.attempts.chat import check_completion
from harness.openai_adapter.events import CHAT, COMPLETIONS, RESPONSES, Dialect, EventReader

_ROUTES = {"/chat/completions": CHAT, "/completions": COMPLETIONS, "/responses": RESPONSES}


class RefusedError(AttemptError):
    """An answer that is whole and that the strategy does not take: the caller gets it when there is no other."""

    def __init__(self, response: httpx2.Response, outcome: str, text: str, **more: Any) -> None:
        super().__init__(outcome, text, **more)
        self.response = response


@dataclass(frozen=True, slots=True)
class Question:
    """A request for an answer: how its events look if they stream, and how many finish reasons it has when complete."""

    dialect: Dialect
    choices: int = 1

    def complete(self, reader: EventReader) -> bool:
        """Whether a stream has said all that it will."""
        return b"" in reader.finishes or len(reader.finishes) >= self.choices

    def finish_complaint(self, reader: EventReader) -> str | None:
        """What is wrong with a stream that is complete without content; None for an answer that may be so."""
        if b"failed" in reader.finishes:
            return "the answer failed"
        if self.dialect is CHAT and not {*reader.finishes} - {b"stop", b""}:
            return "the answer was empty"
        return None

    def complaint(self, data: Any) -> str | None:
        """What is wrong with a plain answer's JSON."""
        if not isinstance(data, dict):
            return "the answer was not a JSON object"
        if data.get("error"):
            return "the answer carried an error"
        if self.dialect is CHAT:
            try:
                # As the SDK builds it, from any JSON.
                check_completion(ChatCompletion.construct(**data))
            except AttemptError as error:
                return str(error)
        return None


def question_of(request: httpx2.Request, body: bytes) -> Question | None:
    """What is asked; None for requests that are none of a strategy's business."""
    dialect = dialect_of(request)
    try:
        fields = json.loads(body) if dialect is not None else None
    except (ValueError, RecursionError):
        return None
    if dialect is None or not isinstance(fields, dict):
        return None
    return Question(dialect, _choices(fields) if dialect is not RESPONSES else 1)


def dialect_of(request: httpx2.Request) -> Dialect | None:
    """By method and path alone."""
    if request.method != "POST":
        return None
    path = request.url.path.rstrip("/")
    return next((dialect for end, dialect in _ROUTES.items() if path.endswith(end)), None)


def _choices(fields: Mapping[str, Any]) -> int:
    n, prompt = fields.get("n"), fields.get("prompt")
    # A list of numbers is one prompt of tokens.
    several = isinstance(prompt, list) and prompt and isinstance(prompt[0], str | list)
    return (n if isinstance(n, int) and n > 0 else 1) * (len(prompt) if several and prompt else 1)
