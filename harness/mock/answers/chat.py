"""Answers of POST /v1/chat/completions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from harness.mock.answers.base import Answer, dump
from harness.mock.answers.words import CREATED

_CHUNK = b"chat.completion.chunk"
_OPEN, _LAST = b',"logprobs":null,"finish_reason":null}]}\n\n', b',"logprobs":null,"finish_reason":"%b"}]}\n\n'


class ChatAnswer(Answer):
    """A chat completion, or its chunks."""

    prefix = "chatcmpl-"
    _beginnings: Sequence[bytes] = ()

    def body(self, finish_reason: str) -> bytes:
        """One message for each choice, and usage."""
        choices = b",".join(
            b'{"index":%d,"message":%b,"logprobs":null,"finish_reason":"%b"}'
            % (index, self._message(index), finish_reason.encode())
            for index in range(self.question.n)
        )
        return b'%b,"choices":[%b],"usage":%b}' % (self._envelope(b"chat.completion"), choices, self._usage())

    def opening(self) -> bytes:
        """A chunk with a role and no content for each choice."""
        content = b"null" if self.calls else b'""'
        delta = b'{"role":"assistant","content":%b,"refusal":null}' % content
        return b"".join(begin + delta + _OPEN for begin in self._begin)

    def part(self, start: int, stop: int) -> bytes:
        """A chunk for each choice: joined words, or the calls' pieces one by one."""
        if self.calls:
            return b"".join(begin + piece + _OPEN for piece in self._pieces[start:stop] for begin in self._begin)
        return b"".join(
            b'%b{"content":"%b"}%b' % (begin, "".join(text[start:stop]).encode(), _OPEN)
            for begin, text in zip(self._begin, self.texts, strict=True)
        )

    def finish(self, finish_reason: str) -> bytes:
        """The chunk of each choice that carries its finish reason."""
        return b"".join(b"%b{}%b" % (begin, _LAST % finish_reason.encode()) for begin in self._begin)

    def usage(self) -> bytes:
        """The chunk without choices that ends a stream with `include_usage`; empty without it."""
        if not self.question.include_usage:
            return b""
        return b'data: %b,"choices":[],"usage":%b}\n\n' % (self._envelope(_CHUNK), self._usage())

    def _message(self, index: int) -> bytes:
        if self.calls:
            return b'{"role":"assistant","content":null,"refusal":null,"tool_calls":%b}' % dump(self.calls)
        # Words are letters and spaces, which JSON writes as they are.
        return b'{"role":"assistant","content":"%b","refusal":null}' % "".join(self.texts[index]).encode()

    def _usage(self) -> bytes:
        prompt, completion = self.question.prompt_tokens, self.completion_tokens
        numbers = prompt, completion, prompt + completion
        return b'{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}' % numbers

    @property
    def _begin(self) -> Sequence[bytes]:
        """What every chunk of each choice begins with: only the delta and the end differ."""
        if not self._beginnings:
            envelope = self._envelope(_CHUNK)
            self._beginnings = [
                b'data: %b,"choices":[{"index":%d,"delta":' % (envelope, index) for index in range(self.question.n)
            ]
        return self._beginnings

    @cached_property
    def _pieces(self) -> list[bytes]:
        """Deltas that name each call first, and then fragments of their arguments."""
        opened = [
            call | {"index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
            for index, call in enumerate(self.calls)
        ]
        rest: list[dict[str, Any]] = [
            {"index": index, "function": {"arguments": piece}} for index, piece in self.fragments
        ]
        return [dump({"tool_calls": [delta]}) for delta in [*opened, *rest]]

    def _envelope(self, kind: bytes) -> bytes:
        return b'{"id":"%b","object":"%b","created":%d,"model":%b,%b' % (
            self.id.encode(),
            kind,
            CREATED,
            dump(self.question.model),
            b'"service_tier":"default","system_fingerprint":"fp_harness"',
        )
