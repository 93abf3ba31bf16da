"""Frozen facts: what was asked, what every HTTP attempt did, and how each request ended.

```
Request                 one chat completion that the caller wants
Outcome                 how it ended: one line of records.jsonl
└── Attempt             one HTTP try at it, numbered from 1
```

All instants are seconds since the start of the trial in its cell, rounded to 1e-9 so that equal
seeds give equal bits in virtual time. History of SCHEMA_VERSION: 1, the first; since then optional fields
(`winner`, `tokens`, `false_restart`, `wasted_tokens`, `connected_s`, `written_s`, `released_s`, `admitted_s`,
`first_byte_s`, `lag_s`) have been added, which older records lack.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

SCHEMA_VERSION = 1

#: What most outcomes lack: requests mostly begin when they are wanted, virtual loops are never late, few runs resumed.
_OPTIONAL = ("released_s", "lag_s", "take")
#: What attempts in virtual time lack.
_WIRE = ("admitted_s", "first_byte_s")

Kind = Literal["first", "retry", "hedge"]

#: How an attempt or a request can end. `ok` alone is a success; `unfinished` was still under way
#: when a limit ended its trial, so its time is censored; `cancelled` was abandoned by the client.
RESULTS = ("ok", "timeout", "connection_error", "status_error", "stream_error", "truncated", "cancelled", "unfinished")

#: How an attempt ends that its client gave up.
ABANDONED = frozenset({"timeout", "cancelled"})


def rounded(instant: float | None) -> float | None:
    """An instant in seconds to the resolution of the records, 1e-9."""
    return None if instant is None else round(instant, 9)


@dataclass(frozen=True, slots=True)
class Request:
    """One chat completion of a workload; `index` counts through the workload, whatever its slices.

    `max_tokens` limits the answer; `output_tokens` is what it is expected to have, which the mock keeps to.
    """

    index: int
    messages: tuple[Mapping[str, Any], ...]
    max_tokens: int | None = None
    output_tokens: int | None = None

    @property
    def key(self) -> str:
        """The name that the mock draws scripts by and that `X-Harness-Request` carries."""
        return str(self.index)

    @property
    def mock_tokens(self) -> int | None:
        """The tokens of the mock's answer: as many as expected, within the limit; None leaves it to the profile."""
        return min((one for one in (self.max_tokens, self.output_tokens) if one is not None), default=None)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP try at a request, instants in seconds since the start of the trial.

    `tokens` counts the chunks with content that came. Of an attempt that the client abandoned, where the mock's script
    tells: `false_restart` says that it would have answered no later than the request ended, `wasted_tokens` how many
    tokens the server generated for nothing. Over sockets in real time the transport tells when the pool admitted it
    (`admitted_s`), when it had a connection (`connected_s`), when the request was written to it (`written_s`), and when
    the first byte came back (`first_byte_s`): what lies between `send_s` and `written_s` is the client's own time, of
    waiting for its event loop, for its pool, and for the connection.
    """

    attempt: int
    kind: Kind
    outcome: str
    send_s: float
    end_s: float
    headers_s: float | None = None
    first_content_s: float | None = None
    last_content_s: float | None = None
    status: int | None = None
    bytes: int = 0
    tokens: int = 0
    error: str | None = None
    request_id: str | None = None
    false_restart: bool | None = None
    wasted_tokens: int | None = None
    connected_s: float | None = None
    written_s: float | None = None
    admitted_s: float | None = None
    first_byte_s: float | None = None

    @property
    def ttft_wire_s(self) -> float | None:
        """Seconds from the request being written to first content; None where the transport does not tell, or none."""
        if self.first_content_s is None or self.written_s is None:
            return None
        return rounded(self.first_content_s - self.written_s)

    @property
    def ttft_s(self) -> float | None:
        """Seconds from send to first content; None when no content came."""
        return None if self.first_content_s is None else rounded(self.first_content_s - self.send_s)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one request ended: from `start_s`, when the caller wanted it, to `end_s`.

    `winner` is the number of the attempt whose answer it was, where attempts raced. `released_s` is when it was really
    begun, where that was not at `start_s`: in the open loop a request can be due and wait for its turn. `take` counts
    how often the run was begun before its batch was, for batches that are awaited as a whole in real time; None for 0.
    """

    experiment: str
    cell: str
    trial: int
    seed: int
    batch: int
    request: int
    outcome: str
    start_s: float
    end_s: float
    tokens: int = 0
    finish_reason: str | None = None
    error: str | None = None
    winner: int | None = None
    attempts: tuple[Attempt, ...] = field(default=())
    released_s: float | None = None
    lag_s: float | None = None
    take: int | None = None

    @property
    def ok(self) -> bool:
        """Whether a whole answer came back."""
        return self.outcome == "ok"

    @property
    def key(self) -> tuple[str, int, int]:
        """What identifies the request within a run: cell, trial, request."""
        return (self.cell, self.trial, self.request)

    @property
    def begun_s(self) -> float:
        """When it was really begun."""
        return self.start_s if self.released_s is None else self.released_s

    @property
    def latency_s(self) -> float:
        """Seconds from the caller's wish to the end of the request."""
        return round(self.end_s - self.start_s, 9)

    @property
    def ttft_s(self) -> float | None:
        """Seconds from the caller's wish to the first content of the winning or last attempt, retries included."""
        last = self.attempts[(self.winner or 0) - 1] if self.attempts else None
        return None if last is None or last.first_content_s is None else round(last.first_content_s - self.start_s, 9)

    def to_json(self) -> str:
        """One line of records.jsonl, without the newline."""
        line = {"schema": SCHEMA_VERSION, **_fields(self, _OF_OUTCOME)}
        line["attempts"] = [_fields(attempt, _OF_ATTEMPT) for attempt in self.attempts]
        # What does not apply is left out, so that records are as they were before there were these fields.
        for said, optional in [(line, _OPTIONAL), *((attempt, _WIRE) for attempt in line["attempts"])]:
            for name in optional:
                if said[name] is None:
                    del said[name]
        return _encoded(line)

    @classmethod
    def from_dict(cls, line: Mapping[str, Any]) -> Outcome:
        """The outcome that a parsed line of records.jsonl holds.

        Raises ValueError when the line is of another schema version, TypeError or KeyError when it is not a record.
        """
        fields = dict(line)
        version = fields.pop("schema")
        if version != SCHEMA_VERSION:
            raise ValueError(f"record of schema {version}, this version reads schema {SCHEMA_VERSION}")
        fields["attempts"] = tuple(Attempt(**attempt) for attempt in fields["attempts"])
        return cls(**fields)


# What `dataclasses.asdict` and `json.dumps` come to, in a fifth of the time: every request of a run passes here.
_OF_OUTCOME, _OF_ATTEMPT = (tuple(one.name for one in fields(kind)) for kind in (Outcome, Attempt))
_encoded = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _fields(of: Outcome | Attempt, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(of, name) for name in names}
