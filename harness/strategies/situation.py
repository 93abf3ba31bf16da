"""What a strategy knows of a request when it is asked, and what it can answer. Instants are seconds on one clock."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.records import Kind

NEVER = math.inf


@dataclass(slots=True)
class Seen:
    """One attempt as far as it has come; `round` counts the retries before it.

    `outcome` is set when it has ended, `retryable` says whether asking again makes sense then, and `retry_after_s`
    how long the server asked to wait.
    """

    number: int
    kind: Kind
    round: int
    sent_s: float
    headers_s: float | None = None
    first_content_s: float | None = None
    last_content_s: float | None = None
    finished_s: float | None = None
    ended_s: float | None = None
    outcome: str | None = None
    retryable: bool = True
    retry_after_s: float | None = None

    @property
    def open(self) -> bool:
        """Whether it is under way."""
        return self.ended_s is None

    @property
    def end_s(self) -> float:
        """When it ended; infinity while it is under way."""
        return NEVER if self.ended_s is None else self.ended_s


@dataclass(slots=True)
class Situation:
    """A request at the instant `now_s`: since when it is wanted, and its attempts.

    `jitter` gives a number in (0, 1) for each number of attempts made.
    """

    start_s: float
    now_s: float
    attempts: list[Seen] = field(default_factory=list)
    jitter: Callable[[int], float] = lambda _: 0.5

    @property
    def open(self) -> list[Seen]:
        """The attempts under way."""
        return [attempt for attempt in self.attempts if attempt.ended_s is None]

    @property
    def last_ended(self) -> Seen:
        """Of the attempts that are over, of which there must be one, the one that ended last."""
        return max((attempt for attempt in self.attempts if not attempt.open), key=lambda attempt: attempt.end_s)

    @property
    def retries(self) -> int:
        """How many retries there have been."""
        return self.attempts[-1].round if self.attempts else 0


class GiveUp(NamedTuple):
    """Abandon the attempt `number` at `at_s`; `why` is for the record, empty for a race that was lost."""

    number: int
    at_s: float
    why: str = ""


class Launch(NamedTuple):
    """Begin another attempt at `at_s`; `asked` if the server has said when it wants it."""

    at_s: float
    kind: Kind
    asked: bool = False


class Plan(NamedTuple):
    """What to do, and when, unless something happens before: ask again at any event and at each of these instants.

    Without an attempt under way and without a `launch` the request has failed. At `deadline_s` it fails anyway;
    `accept_s` is when the attempt that has finished but not ended is taken as it is.
    """

    give_up: tuple[GiveUp, ...] = ()
    launch: Launch | None = None
    deadline_s: float = NEVER
    accept_s: float = NEVER

    @property
    def next_s(self) -> float:
        """The first of its instants."""
        first = min(self.deadline_s, self.accept_s)
        if self.launch is not None and self.launch.at_s < first:
            first = self.launch.at_s
        for one in self.give_up:
            first = min(first, one.at_s)
        return first
