"""What a run tells whoever watches it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from harness.records import Outcome


class Listener(Protocol):
    """Receives the events of a run, in order, in the thread that plays it. Must not raise or block."""

    def started(self, *, requests: int, recorded: int) -> None:
        """The run is about to play `requests` requests, of which `recorded` are on disk already."""

    def recalled(self, outcomes: Iterable[Outcome]) -> None:
        """What is on disk already, read as it is asked for; after `started`, and only where there is any.

        Of two outcomes of one request the later counts.
        """

    def trial_started(self, *, cell: str, trial: int, trials: int, batches: int) -> None:
        """One trial of one cell begins; `trial` counts from 0."""

    def batch_started(self, *, batch: int, requests: int) -> None:
        """A batch of `requests` requests is released; `batch` counts from 0."""

    def finished(self, outcome: Outcome) -> None:
        """A request ended and its record is on disk."""

    def cell_failed(self, *, cell: str, trial: int, reason: str) -> None:
        """A cell was given up; the others go on."""

    def idle(self) -> None:
        """Nothing happened for half a second or so; never told in virtual time from within a trial."""

    def ended(self) -> None:
        """The last request of the run has been played, or the run was stopped."""


class Silent:
    """A listener that tells nobody."""

    def started(self, *, requests: int, recorded: int) -> None:
        """Ignore it."""

    def recalled(self, outcomes: Iterable[Outcome]) -> None:
        """Ignore it."""

    def trial_started(self, *, cell: str, trial: int, trials: int, batches: int) -> None:
        """Ignore it."""

    def batch_started(self, *, batch: int, requests: int) -> None:
        """Ignore it."""

    def finished(self, outcome: Outcome) -> None:
        """Ignore it."""

    def cell_failed(self, *, cell: str, trial: int, reason: str) -> None:
        """Ignore it."""

    def idle(self) -> None:
        """Ignore it."""

    def ended(self) -> None:
        """Ignore it."""
