"""The timed list of server events for one attempt: what the mock plays and what faults edit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

Name = Literal["headers", "role", "token", "finish", "usage", "done"]

NEVER = math.inf


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that the server sends, `at_s` seconds after the request arrived; infinity is never."""

    name: Name
    at_s: float


@dataclass(frozen=True, slots=True)
class Script:
    """Events in order of time, and the name of the fault that edited them, if one did."""

    events: tuple[Event, ...]
    fault: str | None = None

    def delayed_from(self, index: int, seconds: float) -> Script:
        """The same script with the event at `index` and all later ones moved by `seconds`."""
        moved = tuple(replace(event, at_s=event.at_s + seconds) for event in self.events[index:])
        return replace(self, events=self.events[:index] + moved)

    def all_at_the_end(self) -> Script:
        """The same answer without streaming: headers and body leave together when all of it is done."""
        return replace(self, events=(Event("headers", self.end_s), Event("done", self.end_s)))

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
