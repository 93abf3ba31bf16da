"""The server's own truth: what it planned and what it really did, attempt by attempt."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

from harness.scripts import NEVER, Script

Line = dict[str, Any]


class TruthLog:
    """One line per attempt, in order of arrival; the oldest are dropped beyond `keep`."""

    def __init__(self, keep: int = 100_000) -> None:
        self._lines: deque[Line] = deque(maxlen=keep)
        #: Lines under way, by identity; after a reset, the totals leave out what began before it.
        self._open: set[int] = set()
        self._attempts: Counter[tuple[str, str]] = Counter()
        self.arrived = 0
        self.counts: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def dropped(self) -> int:
        """How many lines are no longer kept."""
        return self.arrived - len(self._lines)

    def next_attempt(self, scope: str, request: str) -> int:
        """Count an attempt of a request within its scope, from 1."""
        self._attempts[scope, request] += 1
        return self._attempts[scope, request]

    def open(self, *, request: str, scope: str, attempt: int, seed: int, model: str, script: Script) -> Line:
        """Write what is planned for an attempt; the caller fills in what happens. A time of null is never."""
        line: Line = {
            "request": request,
            "scope": scope,
            "attempt": attempt,
            "seed": seed,
            "model": model,
            "status": None,
            "fault": script.fault,
            "events": [
                {"name": event.name, "planned_s": None if event.at_s == NEVER else event.at_s, "real_s": None}
                for event in script.events
            ],
            "disconnected_s": None,
            "tokens_generated": 0,
            "tokens_delivered": 0,
            "tokens_wasted": 0,
        }
        self.arrived += 1
        self.counts["in_flight"] += 1
        self._lines.append(line)
        self._open.add(id(line))
        return line

    def close(self, line: Line) -> None:
        """Add a finished attempt to the totals."""
        self.counts["in_flight"] -= 1
        if id(line) not in self._open:
            return
        self._open.remove(id(line))
        self.counts["disconnects"] += line["disconnected_s"] is not None
        self.counts["faults"] += line["fault"] is not None
        for kind in ("generated", "delivered", "wasted"):
            self.counts[kind] += line[f"tokens_{kind}"]
        if line["status"] is not None:
            self.statuses[line["status"]] += 1

    def reset(self) -> None:
        """Forget lines, attempt numbers and totals; attempts under way stay in flight."""
        in_flight = self.counts["in_flight"]
        self.__init__(self._lines.maxlen or 0)  # type: ignore[misc]  # the same object, as new: others hold on to it
        self.counts["in_flight"] = in_flight

    def jsonl(self) -> bytes:
        """Every kept line as JSON Lines."""
        return b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in self._lines)

    def prometheus(self) -> bytes:
        """The totals in Prometheus' text format."""
        rows = [
            ("harness_mock_attempts_total", "counter", "Attempts that arrived.", self.arrived),
            ("harness_mock_in_flight", "gauge", "Attempts being answered.", self.counts["in_flight"]),
            (
                "harness_mock_disconnects_total",
                "counter",
                "Attempts that the client gave up.",
                self.counts["disconnects"],
            ),
            ("harness_mock_faults_total", "counter", "Attempts that met a fault.", self.counts["faults"]),
            ("harness_mock_tokens_generated_total", "counter", "Tokens generated.", self.counts["generated"]),
            ("harness_mock_tokens_delivered_total", "counter", "Tokens sent.", self.counts["delivered"]),
            ("harness_mock_tokens_wasted_total", "counter", "Tokens of answers nobody got.", self.counts["wasted"]),
        ]
        lines = [f"# HELP {name} {text}\n# TYPE {name} {kind}\n{name} {value}" for name, kind, text, value in rows]
        name = "harness_mock_responses_total"
        lines.append(f"# HELP {name} Responses by status.\n# TYPE {name} counter")
        lines += [f'{name}{{status="{status}"}} {count}' for status, count in sorted(self.statuses.items())]
        return ("\n".join(lines) + "\n").encode()
