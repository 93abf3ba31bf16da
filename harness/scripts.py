"""The timed list of server events for one attempt: what the mock plays and what faults edit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from itertools import groupby
from typing import Literal

#: A healthy answer goes from `headers` to `end` in this order; `done` is the [DONE] event or a plain body. Faults add
#: `data` (bytes as they are), `reply` (a whole other response) and `noise` (bytes that are repeated until the next
#: event). What they do to the connection: `break` (FIN in the middle), `reset` (RST), `unread` (nothing more is read
#: from it), `refused` and `unreachable` (it is never made).
Name = Literal[
    "headers",
    "role",
    "token",
    "finish",
    "usage",
    "done",
    "end",
    "data",
    "reply",
    "noise",
    "break",
    "reset",
    "unread",
    "refused",
    "unreachable",
]
#: After one of these there is no answer any more.
_LAST = {"reply", "break", "reset", "refused", "unreachable"}
_BODY: tuple[Name, ...] = ("done", "end")

NEVER = math.inf


def decimal(number: float) -> str:
    """A number as headers carry it: with all of its digits and without an exponent."""
    return format(Decimal(repr(number)), "f").removesuffix(".0")


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP response that is no answer; with `retry_date_s` it says to come back at a date so much later."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    retry_date_s: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that the server sends, `at_s` seconds after the request arrived; infinity is never.

    `data` are the bytes of `data` and `noise`, `every_s` the period of `noise`, `reply` the response of `reply`, and
    `length_error` what `headers` add to the true length of the body: when it is set, they state a Content-Length.
    """

    name: Name
    at_s: float
    data: bytes = b""
    every_s: float = 0.0
    reply: Reply | None = None
    length_error: int = 0


@dataclass(frozen=True)
class Script:
    """Events in order of time, and the name of the fault that edited them, if one did.

    The first `openings` tokens only name the tools that are called; their arguments follow. When the client goes away,
    generation goes on for `ignores_cancel_s` seconds.
    """

    events: tuple[Event, ...]
    fault: str | None = None
    openings: int = 0
    ignores_cancel_s: float = 0.0

    @cached_property
    def instants(self) -> tuple[tuple[float, tuple[Event, ...]], ...]:
        """The events by the instant that they share, in order."""
        return tuple((at, tuple(events)) for at, events in groupby(self.events, key=lambda event: event.at_s))

    @cached_property
    def token_times(self) -> tuple[float, ...]:
        """When each token is generated."""
        return tuple(event.at_s for event in self.events if event.name == "token")

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

    def ignoring_cancel(self, seconds: float) -> Script:
        """The same script of a server that generates on for `seconds` after its client has gone."""
        return replace(self, ignores_cancel_s=seconds)

    def at(self, index: int) -> float:
        """When what stands before `index` is done: the instant at which something inserted there would be sent."""
        return self.events[index - 1].at_s if index else 0.0

    def all_at_the_end(self) -> Script:
        """The same answer without streaming: headers and body leave together when all of it is done.

        What is sent instead of an answer stays; a connection that breaks does so between headers and body; what
        concerns the form of a stream only has no counterpart.
        """
        return self._whole

    @cached_property
    def _whole(self) -> Script:
        last = next((i for i, event in enumerate(self.events) if event.name in _LAST), None)
        if last is not None:
            special = self.events[last]
            begun = special.name in {"break", "reset"} and any(event.name == "headers" for event in self.events)
            headers = (Event("headers", special.at_s),) if begun else ()
            return replace(self, events=(*headers, *self.events[last:]))
        answered = max((event.at_s for event in self.events if event.name in {"token", "finish", "done"}), default=0.0)
        head = next(event for event in self.events if event.name == "headers")
        unread = tuple(event for event in self.events if event.name == "unread")
        body = tuple(Event(name, answered) for name in _BODY)
        return replace(self, events=(*unread, replace(head, at_s=answered), *body))

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
