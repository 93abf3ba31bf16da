"""Put the chunks of a stream together again: the article's message, or the whole completion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion, ChatCompletionChunk


class _Choice:
    """What one choice has said so far."""

    def __init__(self) -> None:
        self.content: list[str] = []
        self.refusal: list[str] = []
        self.calls: dict[int, dict[str, Any]] = {}
        self.logprobs: dict[str, list[Any]] = {}
        self.finish_reason: str | None = None

    def add(self, choice: Any) -> bool:
        """Take in what a chunk says of it; whether that is content of any sort."""
        if finish_reason := choice.finish_reason:
            self.finish_reason = finish_reason
        if logprobs := choice.logprobs:
            for kind in ("content", "refusal"):
                if found := getattr(logprobs, kind, None):
                    self.logprobs.setdefault(kind, []).extend(entry.to_dict() for entry in found)
        delta = choice.delta
        if delta is None:
            return False
        if content := delta.content:
            self.content.append(content)
        if refusal := delta.refusal:
            self.refusal.append(refusal)
        calls = delta.tool_calls
        for fragment in calls or ():
            self._add_call(fragment)
        return bool(content or calls or refusal)

    def _add_call(self, fragment: Any) -> None:
        call = self.calls.setdefault(
            self._position(fragment), {"id": None, "type": "function", "function": {"name": "", "arguments": ""}}
        )
        # Some servers repeat the id and the name in every fragment, so they are set, not joined.
        call["id"] = fragment.id or call["id"]
        if fragment.function is not None:
            call["function"]["name"] = fragment.function.name or call["function"]["name"]
            call["function"]["arguments"] += fragment.function.arguments or ""

    def _position(self, fragment: Any) -> int:
        """The call that a fragment belongs to. Some gateways leave the index out: there a new id begins a call."""
        if fragment.index is not None:
            return int(fragment.index)
        last = max(self.calls, default=-1)
        begins = last < 0 or (fragment.id and fragment.id != self.calls[last]["id"])
        return last + 1 if begins else last

    @property
    def message(self) -> dict[str, Any]:
        return {
            "role": "assistant",
            "content": "".join(self.content) if self.content else None,
            "tool_calls": [self.calls[index] for index in sorted(self.calls)] or None,
        }


class StreamedMessage:
    """Accumulates the chunks of one streamed chat completion, in order of arrival.

    Chunks without choices (usage at the end, Azure's first one), without a delta or with an empty one are welcome.
    """

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}
        self._envelope: dict[str, Any] = {}
        self.usage: Any = None
        self.content_chunks = 0
        #: Whether its stream ended with [DONE], which whoever reads it says.
        self.done = False

    def add(self, chunk: ChatCompletionChunk) -> None:
        """Take in the next chunk."""
        if not self._envelope.get("id"):
            self._envelope = {
                name: getattr(chunk, name, None)
                for name in ("id", "created", "model", "service_tier", "system_fingerprint")
            }
        if (usage := chunk.usage) is not None:
            self.usage = usage
        for choice in chunk.choices or ():
            index = choice.index or 0
            state = self._choices.get(index)
            if state is None:
                state = self._choices[index] = _Choice()
            self.content_chunks += state.add(choice)

    @property
    def message(self) -> dict[str, Any]:
        """The first choice as `{"role", "content", "tool_calls"}`; what is absent is None."""
        return self._choices.get(0, _Choice()).message

    @property
    def finish_reason(self) -> str | None:
        """Why the first choice ended; None while it goes on, and for ever when its stream was cut off."""
        return self._choices[0].finish_reason if 0 in self._choices else None

    @property
    def finished_choices(self) -> int:
        """How many choices have a finish reason."""
        return sum(choice.finish_reason is not None for choice in self._choices.values())

    @property
    def whole(self) -> bool:
        """Whether the first choice is known to be complete: by its finish reason, or because the stream was ended."""
        return self.done or self.finish_reason is not None

    @property
    def refused(self) -> bool:
        """Whether the first choice is a refusal."""
        return 0 in self._choices and bool(self._choices[0].refusal)

    def completion(self) -> ChatCompletion:
        """The whole completion, as it would have come without streaming: id, usage, finish reasons, logprobs."""
        from openai.types.chat import ChatCompletion

        choices = []
        for index in sorted(self._choices):
            choice = self._choices[index]
            message = choice.message | {"refusal": "".join(choice.refusal) or None}
            logprobs = {"content": None, "refusal": None, **choice.logprobs} if choice.logprobs else None
            choices.append(
                {"index": index, "message": message, "finish_reason": choice.finish_reason, "logprobs": logprobs}
            )
        usage = None if self.usage is None else self.usage.to_dict()
        # `construct`, as the SDK itself builds answers: a missing finish reason must not hide what did arrive.
        return ChatCompletion.construct(**self._envelope, object="chat.completion", choices=choices, usage=usage)
