"""The timed list of server events for one attempt: what the mock plays and what faults edit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

#: A healthy answer goes from `headers` to `end` in this order; `done` is the [DONE] event or a plain body. Faults add
#: `data` (bytes as they are), `reply` (a whole other response), `noise` (bytes that are repeated until the next event)
#: and `break` (the connection is dropped in the middle).
Name = Literal["headers", "role", "token", "finish", "usage", "done", "end", "data", "reply", "noise", "break"]

NEVER = math.inf


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP response that is no chat completion."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that the server sends, `at_s` seconds after the request arrived; infinity is never.

    `data` are the bytes of `data` and `noise`, `every_s` the period of `noise`, `reply` the response of `reply`.
    """

    name: Name
    at_s: float
    data: bytes = b""
    every_s: float = 0.0
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """Events in order of time, and the name of the fault that edited them, if one did."""

    events: tuple[Event, ...]
    fault: str | None = None

    def delayed_from(self, index: int, seconds: float) -> Script:
        """The same script with the event at `index` and all later ones moved by `seconds`."""
        moved = tuple(replace(event, at_s=event.at_s + seconds) for event in self.events[index:])
        return replace(self, events=self.events[:index] + moved)

    def inserted(self, index: int, event: Event) -> Script:
        """The same script with one more event before the one at `index`."""
        return replace(self, events=(*self.events[:index], event, *self.events[index:]))

    def cut(self, index: int, *ending: Event) -> Script:
        """The events before `index`, and then `ending`."""
        return replace(self, events=(*self.events[:index], *ending))

    def without(self, unwanted: Callable[[Event], bool]) -> Script:
        """The same script without some of its events."""
        return replace(self, events=tuple(event for event in self.events if not unwanted(event)))

    def at(self, index: int) -> float:
        """When what stands before `index` is done: the instant at which something inserted there would be sent."""
        return self.events[index - 1].at_s if index else 0.0

    def all_at_the_end(self) -> Script:
        """The same answer without streaming: headers and body leave together when all of it is done.

        What is sent instead of an answer stays; a connection that breaks does so between headers and body; what
        concerns the form of a stream only has no counterpart.
        """
        special = next((event for event in self.events if event.name in {"reply", "break"}), None)
        if special is not None:
            headers = () if special.name == "reply" else (Event("headers", special.at_s),)
            return replace(self, events=(*headers, special))
        answered = max((event.at_s for event in self.events if event.name in {"token", "finish", "done"}), default=0.0)
        names: tuple[Name, ...] = ("headers", "done", "end")
        return replace(self, events=tuple(Event(name, answered) for name in names))

    def index_of(self, name: Name, occurrence: int = 1) -> int:
        """Where the nth event of a name stands; the length of the script when there are fewer."""
        seen = 0
        for index, event in enumerate(self.events):
            seen += event.name == name
            if seen == occurrence and event.name == name:
                return index
        return len(self.events)

    @property
    def end_s(self) -> float:
        """The instant of the last event in seconds."""
        return self.events[-1].at_s
