"""Answers of POST /v1/responses."""

from __future__ import annotations

from typing import Any

from harness.mock.answers.base import Answer, dump
from harness.mock.answers.words import CREATED


class ResponsesAnswer(Answer):
    """A response, or the typed events in which it is streamed, numbered from 0."""

    prefix = "resp_"
    _sequence = 0

    def body(self, finish_reason: str) -> bytes:
        """The whole response."""
        return dump(self._response(self._status(finish_reason), self._items("completed")))

    def opening(self) -> bytes:
        """The response is created; a message and its text begin, unless tools are called."""
        empty = self._response("in_progress", [])
        begun = self._event("response.created", response=empty) + self._event("response.in_progress", response=empty)
        if self.calls:
            return begun
        item = self._message("", "in_progress") | {"content": []}
        added = self._event("response.output_item.added", output_index=0, item=item)
        return begun + added + self._text_event("response.content_part.added", part=_text(""))

    def part(self, start: int, stop: int) -> bytes:
        """Deltas of the text; or calls that begin, and deltas of their arguments."""
        if self.calls:
            return b"".join(self._piece(number) for number in range(start, stop))
        return self._text_event(
            "response.output_text.delta", delta="".join(self.texts[0][start:stop]), logprobs=[], obfuscation=""
        )

    def finish(self, finish_reason: str) -> bytes:
        """Every item is complete."""
        items = self._items("completed")
        if self.calls:
            return b"".join(
                self._event(
                    "response.function_call_arguments.done",
                    item_id=item["id"],
                    output_index=index,
                    arguments=item["arguments"],
                    name=item["name"],
                )
                + self._event("response.output_item.done", output_index=index, item=item)
                for index, item in enumerate(items)
            )
        text = "".join(self.texts[0])
        self._reason = finish_reason
        return (
            self._text_event("response.output_text.done", text=text, logprobs=[])
            + self._text_event("response.content_part.done", part=_text(text))
            + self._event("response.output_item.done", output_index=0, item=items[0])
        )

    def usage(self) -> bytes:
        """Nothing: it is in the response that ends the stream."""
        return b""

    def done(self) -> bytes:
        """The whole response once more; this route knows no [DONE]."""
        status = self._status(self._reason)
        return self._event(f"response.{status}", response=self._response(status, self._items("completed")))

    _reason = "stop"

    def _status(self, finish_reason: str) -> str:
        return "incomplete" if finish_reason == "length" else "completed"

    def _piece(self, number: int) -> bytes:
        if number < self.openings:
            item = self._items("in_progress")[number] | {"arguments": ""}
            return self._event("response.output_item.added", output_index=number, item=item)
        index, piece = self.fragments[number - self.openings]
        name = "response.function_call_arguments.delta"
        return self._event(name, item_id=self._item_id("fc", index), output_index=index, delta=piece, obfuscation="")

    def _items(self, status: str) -> list[dict[str, Any]]:
        if not self.calls:
            return [self._message("".join(self.texts[0]), status)]
        return [
            {
                "id": self._item_id("fc", index),
                "type": "function_call",
                "status": status,
                "call_id": call["id"],
                **call["function"],
            }
            for index, call in enumerate(self.calls)
        ]

    def _message(self, text: str, status: str) -> dict[str, Any]:
        content = [_text(text)]
        return {
            "id": self._item_id("msg", 0),
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }

    def _item_id(self, kind: str, index: int) -> str:
        return f"{kind}_{self.unique}{index:02d}"

    def _text_event(self, kind: str, **fields: Any) -> bytes:
        return self._event(kind, item_id=self._item_id("msg", 0), output_index=0, content_index=0, **fields)

    def _event(self, kind: str, **fields: Any) -> bytes:
        data = dump({"type": kind, "sequence_number": self._sequence, **fields})
        self._sequence += 1
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)

    def _response(self, status: str, items: list[dict[str, Any]]) -> dict[str, Any]:
        prompt, completion = self.question.prompt_tokens, self.tokens
        usage = {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": completion,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": prompt + completion,
        }
        return {
            "id": self.id,
            "object": "response",
            "created_at": CREATED,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "instructions": None,
            "metadata": {},
            "model": self.question.model,
            "output": items,
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "usage": None if status == "in_progress" else usage,
        }


def _text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
