"""Answers that end, or are put, in another way than they should."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from harness.faults.base import STRICT, AfterTokens, Fault, Meeting
from harness.scripts import Event, Script


def chunk(**fields: Any) -> bytes:
    """An event of a stream that belongs to no answer of the mock's own."""
    envelope = {"id": "chatcmpl-fault", "object": "chat.completion.chunk", "created": 0, "model": "fault"}
    return b"data: " + json.dumps(envelope | fields, separators=(",", ":")).encode() + b"\n\n"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SilentTruncation(AfterTokens):
    """a clean end after k tokens, without finish reason and [DONE]: part of an answer that looks like one"""

    kind: Literal["silent_truncation"] = "silent_truncation"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - nothing is left to chance
        """Nothing but the end follows the tokens."""
        place = self.index(script)
        return script.cut(place, Event("end", script.at(place)))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DoneWithoutFinish(Fault):
    """[DONE] without a finish reason"""

    kind: Literal["done_without_finish"] = "done_without_finish"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """The finish is left out."""
        return script.without(lambda event: event.name == "finish")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FinishWithoutDone(Fault):
    """a finish reason and a clean end, without [DONE]: the answer is complete"""

    kind: Literal["finish_without_done"] = "finish_without_done"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """[DONE] is left out."""
        return script.without(lambda event: event.name == "done")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EmptyChoicesChunk(Fault):
    """a first chunk without choices, as Azure sends it: breaks parsers that take the first choice"""

    kind: Literal["empty_choices_chunk"] = "empty_choices_chunk"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """It comes before the role."""
        place = script.index_of("role")
        data = chunk(id="", model="", choices=[], prompt_filter_results=[])
        return script.inserted(place, Event("data", script.events[place].at_s, data=data))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class UsageChunk(Fault):
    """a last chunk with usage and without choices that nobody asked for"""

    kind: Literal["usage_chunk"] = "usage_chunk"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """It comes before [DONE]."""
        place = script.index_of("done")
        tokens = sum(event.name == "token" for event in script.events)
        usage = {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": 1 + tokens}
        return script.inserted(place, Event("data", script.at(place), data=chunk(choices=[], usage=usage)))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ErrorInStream(AfterTokens):
    """an error object within a stream of status 200: no HTTP error, so the SDK does not retry it"""

    message: str = "The server had an error while processing your request."
    kind: Literal["error_in_stream"] = "error_in_stream"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """After the tokens the error, and then the end."""
        place = self.index(script)
        body = {"error": {"message": self.message, "type": "server_error", "param": None, "code": None}}
        data = b"data: " + json.dumps(body).encode() + b"\n\n"
        now = script.at(place)
        return script.cut(place, Event("data", now, data=data), Event("end", now))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MalformedChunk(AfterTokens):
    """an event that is not JSON, after k tokens"""

    kind: Literal["malformed_chunk"] = "malformed_chunk"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """It comes between the tokens; what follows it is as before."""
        place = self.index(script)
        return script.inserted(place, Event("data", script.at(place), data=b'data: {"choices":[{"delta":{"con\n\n'))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SplitUtf8(AfterTokens):
    """a chunk whose letter of several bytes arrives in two pieces, a moment apart"""

    kind: Literal["split_utf8"] = "split_utf8"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """The chunk is one token more; the halves are a millisecond apart, and all the rest is later by that."""
        place = self.index(script)
        choice = {"index": 0, "delta": {"content": "\u00e9"}, "finish_reason": None}
        data = chunk(choices=[choice]).replace(b"\\u00e9", "\u00e9".encode())
        half = data.index("\u00e9".encode()) + 1
        now = script.at(place)
        later = script.delayed_from(place, 0.001)
        second = later.inserted(place, Event("data", now + 0.001, data=data[half:]))
        return second.inserted(place, Event("data", now, data=data[:half]))
