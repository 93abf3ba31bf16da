"""What a strategy remembers from one request to the next: what was learnt, and what is left of its budgets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from harness.records import Kind
from harness.strategies.budgets import Bucket
from harness.strategies.situation import Seen


class Learner(Protocol):
    """Learns from the time to first content of attempts."""

    def began(self) -> None:
        """An attempt begins."""

    def observe(self, seen: Seen, seconds: float, *, answered: bool) -> bool:
        """An attempt's first content came after `seconds`, or it was `seconds` old and had none when it was given up.

        True when requests under way should ask again, because the answer may have changed much.
        """


class Memory:
    """Shared by the requests of one client, which tell it what happens; knows no clock but what it is told."""

    def __init__(
        self,
        learner: Learner | None = None,
        *,
        retry: Sequence[Bucket] = (),
        hedge: Sequence[Bucket] = (),
        wake_at: float | None = None,
    ) -> None:
        """`wake_at` is the share of a batch after which those that are left should ask again."""
        self.learner = learner
        self._by_kind: dict[Kind, Sequence[Bucket]] = {"first": (), "retry": retry, "hedge": hedge}
        self._all = list(dict.fromkeys((*retry, *hedge)))
        #: Called when waiting requests should ask their strategy again; a dict, since a set has no order.
        self.waiting: dict[Callable[[], None], None] = {}
        self._wake_at = wake_at
        self.released = 0
        self.durations: list[float] = []

    def release(self, requests: int) -> None:
        """A batch of so many requests begins."""
        self.released, self.durations = requests, []

    @property
    def done_share(self) -> float:
        """Which share of the batch is over."""
        return len(self.durations) / self.released if self.released else 0.0

    def allows(self, kind: Kind, now_s: float, *, asked: bool = False) -> bool:
        """Whether budgets and breakers let an attempt of this kind begin now; `asked` if the server wants it."""
        return all(bucket.allows(now_s) for bucket in self._limits(kind, asked=asked))

    def launched(self, kind: Kind, *, asked: bool = False) -> None:
        """An attempt begins; `first` is also a new request."""
        if self.learner is not None:
            self.learner.began()
        if kind == "first":
            for bucket in self._all:
                bucket.requested()
        for bucket in self._limits(kind, asked=asked):
            bucket.spent()

    def _limits(self, kind: Kind, *, asked: bool) -> list[Bucket]:
        return [bucket for bucket in self._by_kind[kind] if bucket.limits_asked or not asked]

    def heard(self, seen: Seen) -> None:
        """An attempt's first content is there."""
        if self.learner is not None and seen.first_content_s is not None:
            self._wake(self.learner.observe(seen, seen.first_content_s - seen.sent_s, answered=True))

    def ended(self, seen: Seen, *, useful: bool, now_s: float) -> None:
        """An attempt is over; `useful` if its answer is the request's."""
        abandoned = seen.outcome in {"timeout", "cancelled"}
        if self.learner is not None and seen.first_content_s is None and abandoned:
            self._wake(self.learner.observe(seen, now_s - seen.sent_s, answered=False))
        failed = not useful and seen.outcome != "cancelled"
        for bucket in self._all:
            bucket.ended(extra=seen.kind != "first", useful=useful, failed=failed, now_s=now_s)

    def finished(self, seconds: float) -> None:
        """A request of the batch is over, `seconds` after it began."""
        if not self.released:
            return
        before = self.done_share
        self.durations.append(seconds)
        if self._wake_at is not None and before < self._wake_at <= self.done_share:
            self.wake()

    def wake(self) -> None:
        """Let every waiting request ask again."""
        for ask in list(self.waiting):
            ask()

    def _wake(self, needed: bool) -> None:
        if needed:
            self.wake()
