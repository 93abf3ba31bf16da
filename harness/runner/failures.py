"""`max_failures`: when enough has failed."""

from __future__ import annotations

from harness.records import Outcome


class TooManyFailuresError(Exception):
    """More requests failed than `max_failures` allows; the run stops and keeps what it has."""


class FailureLimit:
    """Counts failed requests, and raises TooManyFailuresError when there are more than allowed."""

    def __init__(self, limit: int | None, failed: int) -> None:
        self._limit = limit
        self._failed = failed

    def count(self, outcome: Outcome) -> None:
        """Take in one more request."""
        self._failed += not outcome.ok
        if self._limit is not None and self._failed > self._limit:
            raise TooManyFailuresError(f"stopped after {self._failed} failed requests (max_failures={self._limit})")
