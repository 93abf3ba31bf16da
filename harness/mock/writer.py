"""Turn the events of a script into the messages of an ASGI answer."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from harness.mock.chat import Answer
from harness.mock.log import Line
from harness.mock.player import BrokenConnectionError, Message
from harness.profiles import Profile
from harness.scripts import Event, Reply

Header = tuple[bytes, bytes]

STREAM: Header = (b"content-type", b"text/event-stream; charset=utf-8")
JSON: Header = (b"content-type", b"application/json")
# The mock limits nothing yet; clients that read these headers find what an idle account shows.
RATE_LIMITS: tuple[Header, ...] = (
    (b"x-ratelimit-limit-requests", b"10000"),
    (b"x-ratelimit-limit-tokens", b"2000000"),
    (b"x-ratelimit-remaining-requests", b"9999"),
    (b"x-ratelimit-remaining-tokens", b"1999999"),
    (b"x-ratelimit-reset-requests", b"6ms"),
    (b"x-ratelimit-reset-tokens", b"0s"),
)


class Writer:
    """The messages of one answer; what is due at one instant leaves in one piece."""

    def __init__(self, answer: Answer, profile: Profile, line: Line) -> None:
        self._answer = answer
        self._per_chunk = profile.tokens_per_chunk
        self._finish = answer.finish_reason(profile.output_tokens)
        self._line = line
        self._token = 0
        self._sent = 0

    def write(self, events: list[Event]) -> Iterable[Message]:
        """The messages for events that are due together. Raises BrokenConnectionError at a `break`."""
        body = b""
        more = True
        for event in events:
            if event.name == "headers":
                self._line["status"] = 200
                yield {"type": "http.response.start", "status": 200, "headers": self._headers()}
            elif event.name == "end":
                more = False
            elif event.reply is not None:
                yield self._start(event.reply)
                body, more = event.reply.body, False
            elif event.name == "break":
                if body:
                    yield {"type": "http.response.body", "body": body, "more_body": True}
                raise BrokenConnectionError
            else:
                body += self._chunk(event)
        if body or not more:
            yield {"type": "http.response.body", "body": body, "more_body": more}

    @property
    def held(self) -> int:
        """How many of the latest tokens wait for their chunk to fill up."""
        return self._token - self._sent

    def _start(self, reply: Reply) -> Message:
        self._line["status"] = reply.status
        own = [(name.encode(), value.encode()) for name, value in reply.headers]
        content = [
            (b"content-type", reply.content_type.encode()),
            (b"content-length", str(len(reply.body)).encode()),
            (b"x-request-id", self._request_id),
        ]
        return {"type": "http.response.start", "status": reply.status, "headers": [*content, *own]}

    def _chunk(self, event: Event) -> bytes:
        if event.name == "token":
            return self._next_token()
        if event.name == "role":
            return self._answer.role_chunk()
        if event.name == "finish":
            return self._answer.finish_chunk(self._finish)
        if event.name == "usage":
            return self._answer.usage_chunk()
        if event.name == "done":
            return b"data: [DONE]\n\n" if self._answer.request.stream else self._whole
        return event.data

    def _next_token(self) -> bytes:
        self._token += 1
        if self._token - self._sent < self._per_chunk and self._token < self._answer.tokens:
            return b""
        start, self._sent = self._sent, self._token
        return self._answer.token_chunk(start, self._token)

    @cached_property
    def _whole(self) -> bytes:
        return self._answer.body(self._finish)

    @property
    def _request_id(self) -> bytes:
        return f"req_{self._answer.id.removeprefix('chatcmpl-')}".encode()

    def _headers(self) -> list[Header]:
        kind = [STREAM] if self._answer.request.stream else [JSON, (b"content-length", str(len(self._whole)).encode())]
        return [*kind, (b"x-request-id", self._request_id), (b"openai-processing-ms", b"0"), *RATE_LIMITS]
