"""The server's own truth: what it planned and what it really did, attempt by attempt."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

from harness.mock.metrics import TIMING_LIMIT_S, Latency, exposition
from harness.scripts import NEVER, Script

Line = dict[str, Any]

#: Events of all lines together: about a gigabyte, were they all of long answers.
_MOST_EVENTS = 10_000_000
#: Events that are written before others have their turn: some milliseconds.
_PIECE = 2_000


class Entry:
    """What is planned for one attempt and what became of it; instants are seconds from its arrival, None is never."""

    __slots__ = (
        "attempt",
        "delivered",
        "disconnected_s",
        "generated",
        "late_s",
        "model",
        "offset_s",
        "planned",
        "queued_s",
        "real",
        "request",
        "scope",
        "script",
        "sdk_retry",
        "seed",
        "served",
        "status",
        "stream",
        "wasted",
    )

    def __init__(
        self,
        *,
        request: str,
        scope: str,
        attempt: int,
        seed: int,
        model: str,
        script: Script,
        stream: bool = True,
        sdk_retry: int | None = None,
        served: int = 0,
    ) -> None:
        self.request, self.scope, self.attempt, self.seed = request, scope, attempt, seed
        self.model, self.script, self.stream = model, script, stream
        self.sdk_retry, self.served = sdk_retry, served
        self.status: int | None = None
        self.queued_s: float | None = 0.0
        #: What the plan was moved by: the wait for a slot.
        self.offset_s = 0.0
        #: Only where the plan was stretched by load, instants instead of the script's.
        self.planned: dict[int, float] = {}
        self.real: list[float | None] = [None] * len(script.events)
        self.late_s = 0.0
        self.disconnected_s: float | None = None
        self.generated = self.delivered = self.wasted = 0

    @property
    def complete(self) -> bool:
        """Whether the last event of the script was really sent."""
        return bool(self.real) and self.real[-1] is not None

    def line(self) -> Line:
        """The entry as plain data."""
        events = []
        for number, (event, real_s) in enumerate(zip(self.script.events, self.real, strict=True)):
            planned_s = self.planned.get(number, event.at_s + self.offset_s)
            events.append(
                {"name": event.name, "planned_s": None if planned_s == NEVER else planned_s, "real_s": real_s}
            )
        return {
            "request": self.request,
            "scope": self.scope,
            "attempt": self.attempt,
            "seed": self.seed,
            "model": self.model,
            "stream": self.stream,
            "status": self.status,
            "fault": self.script.fault,
            "sdk_retry": self.sdk_retry,
            "connection_served": self.served,
            "queued_s": self.queued_s,
            "events": events,
            "late_s": self.late_s,
            "late": self.late_s > TIMING_LIMIT_S,
            "disconnected_s": self.disconnected_s,
            "tokens_generated": self.generated,
            "tokens_delivered": self.delivered,
            "tokens_wasted": self.wasted,
        }


class TruthLog:
    """One entry per attempt, in order of arrival; the oldest are dropped beyond `keep` lines or `events` in them."""

    def __init__(self, keep: int = 100_000, events: int = _MOST_EVENTS) -> None:
        self._keep, self._most_events = keep, events
        self._entries: deque[Entry] = deque()
        self._events = 0
        #: Entries under way, by identity; after a reset, the totals leave out what began before it.
        self._open: set[int] = set()
        self._attempts: dict[tuple[str, str], int] = {}
        self.arrived = 0
        self.counts: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.faults: Counter[str] = Counter()
        #: Seconds by which events were sent later than planned.
        self.lateness = Latency()

    def __iter__(self) -> Iterator[Line]:
        return (entry.line() for entry in self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def dropped(self) -> int:
        """How many lines are no longer kept."""
        return self.arrived - len(self._entries)

    @property
    def late(self) -> bool:
        """Whether the server itself is too late to judge others: p99 of (real - planned) above the limit."""
        return self.lateness.quantile(0.99) > TIMING_LIMIT_S

    def next_attempt(self, scope: str, request: str) -> int:
        """Count an attempt of a request within its scope, from 1."""
        key = scope, request
        number = self._attempts[key] = self._attempts.get(key, 0) + 1
        return number

    def attempts(self, scope: str, request: str) -> int:
        """How many attempts of a request there were."""
        return self._attempts.get((scope, request), 0)

    def open(self, entry: Entry) -> Entry:
        """Write what is planned for an attempt; the caller fills in what happens."""
        self.arrived += 1
        self.counts["in_flight"] += 1
        self._entries.append(entry)
        self._events += len(entry.real)
        while len(self._entries) > self._keep or (self._events > self._most_events and len(self._entries) > 1):
            self._events -= len(self._entries.popleft().real)
        self._open.add(id(entry))
        return entry

    def close(self, entry: Entry) -> None:
        """Add a finished attempt to the totals."""
        self.counts["in_flight"] -= 1
        if id(entry) not in self._open:
            return
        self._open.remove(id(entry))
        counts = self.counts
        if entry.disconnected_s is not None:
            counts["disconnects"] += 1
        if entry.script.fault is not None:
            self.faults[entry.script.fault] += 1
        counts["generated"] += entry.generated
        counts["delivered"] += entry.delivered
        counts["wasted"] += entry.wasted
        if entry.status is not None:
            self.statuses[entry.status] += 1

    def reset(self) -> None:
        """Forget lines, attempt numbers and totals; attempts under way stay in flight."""
        in_flight = self.counts["in_flight"]
        self.__init__(self._keep, self._most_events)  # type: ignore[misc]  # the same object, as new: others hold on to it
        self.counts["in_flight"] = in_flight

    def jsonl(self) -> Iterator[bytes]:
        """Every line that is kept now as JSON Lines, in pieces of about the same number of events."""
        piece, events = [], 0
        for entry in list(self._entries):
            piece.append(json.dumps(entry.line(), separators=(",", ":")))
            events += len(entry.real)
            if events >= _PIECE:
                yield ("\n".join(piece) + "\n").encode()
                piece, events = [], 0
        if piece:
            yield ("\n".join(piece) + "\n").encode()

    def timing(self) -> dict[str, float | bool]:
        """How exact the server is by its own account, in seconds."""
        return {
            "p50_s": self.lateness.quantile(0.5),
            "p99_s": self.lateness.quantile(0.99),
            "max_s": self.lateness.largest,
            "limit_s": TIMING_LIMIT_S,
            "late": self.late,
        }

    def prometheus(self, *, queued: int = 0) -> bytes:
        """The totals in Prometheus' text format."""
        counts = self.counts
        rows = [
            ("attempts_total", "counter", "Attempts that arrived.", [("", self.arrived)]),
            ("in_flight", "gauge", "Attempts being answered.", [("", counts["in_flight"])]),
            ("queued", "gauge", "Attempts that wait for a slot.", [("", queued)]),
            ("disconnects_total", "counter", "Attempts that the client gave up.", [("", counts["disconnects"])]),
            ("tokens_generated_total", "counter", "Tokens generated.", [("", counts["generated"])]),
            ("tokens_delivered_total", "counter", "Tokens sent.", [("", counts["delivered"])]),
            ("tokens_wasted_total", "counter", "Tokens of answers nobody got.", [("", counts["wasted"])]),
            (
                "faults_total",
                "counter",
                "Attempts that met a fault.",
                [(f'{{fault="{name}"}}', count) for name, count in sorted(self.faults.items())],
            ),
            (
                "responses_total",
                "counter",
                "Responses by status.",
                [(f'{{status="{status}"}}', count) for status, count in sorted(self.statuses.items())],
            ),
        ]
        return exposition(rows) + self.lateness.exposition("timing_error_seconds", "Real minus planned time of events.")
