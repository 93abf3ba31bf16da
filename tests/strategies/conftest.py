"""Situations to ask strategies about: attempts as they stand at some instant."""

from typing import Any

from harness.strategies import ADAPTER, Played, memory_of
from harness.strategies.memory import Memory
from harness.strategies.situation import Plan, Seen, Situation


def strategy(kind: str = "restart", **fields: Any) -> Played:
    """A strategy with nothing but what the test says; every other timer is off."""
    quiet: dict[str, Any] = dict.fromkeys(
        ("timeout", "connect_timeout", "idle_timeout", "attempt_timeout", "total_timeout")
    )
    found = ADAPTER.validate_python({"name": "s", "kind": kind, **quiet, **fields})
    assert isinstance(found, Played)
    return found


def seen(sent_s: float = 0.0, number: int = 1, kind: Any = "first", round_: int = 0, **facts: Any) -> Seen:
    """One attempt, under way unless `ended_s` says otherwise."""
    return Seen(number, kind, round_, sent_s, **facts)


def plan(of: Played, *attempts: Seen, now_s: float = 0.0, memory: Memory | None = None) -> Plan:
    """What the strategy answers at an instant of a request that began at 0."""
    return of.plan(Situation(0.0, now_s, list(attempts)), memory or memory_of(of))
