"""What a server does when much is asked of it at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from harness.scripts import NEVER

Share = Annotated[float, Field(ge=0, le=1)]
PerMinute = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", allow_inf_nan=False, defer_build=True))
class Load:
    """Limits of a server, and what it costs to come near them.

    `slots` attempts are answered at once, further ones wait in a queue of `queue` places (without end if left out) in
    order of arrival; beyond it they are answered with the status `overflow`, or wait all the same with "queue".
    With n attempts in service each proceeds at the speed 1 / (1 + contention (n - 1) + coherency n (n - 1)) of a lone
    one: Gunther's universal scalability law ("A general theory of computational scalability", 2008). Contention slows
    all down; with coherency the answers per second of all together fall past n = sqrt((1 - contention) / coherency).
    The limits per minute are token buckets that hold `burst_s` seconds' worth. A request counts its prompt and as many
    tokens as its answer may have. When a client goes away, its slot is free and generation stops `on_cancel`: at once,
    after so many seconds, or never before the answer is done.
    """

    slots: Annotated[int, Field(ge=1, strict=True)] | None = None
    queue: Annotated[int, Field(ge=0, strict=True)] | None = None
    overflow: Literal["queue", 429, 503] = "queue"
    contention: Share = 0.0
    coherency: Share = 0.0
    requests_per_minute: PerMinute | None = None
    tokens_per_minute: PerMinute | None = None
    burst_s: Annotated[float, Field(gt=0)] = 60.0
    on_cancel: Literal["at_once", "never"] | Annotated[float, Field(ge=0)] = "at_once"

    @model_validator(mode="after")
    def _queue_belongs_to_slots(self) -> Load:
        if self.slots is None and (self.queue is not None or self.overflow != "queue"):
            raise ValueError("queue and overflow: they need slots, of which without a number there are enough for all")
        if (self.queue is None) != (self.overflow == "queue"):
            raise ValueError("overflow: 429 or 503 with a queue of so many places, and left out without `queue`")
        return self

    @property
    def is_unlimited(self) -> bool:
        """Whether an attempt is answered alike however much else is asked."""
        return replace(self, burst_s=Load.burst_s) == Load()

    @property
    def slows(self) -> bool:
        """Whether speed depends on the number in service."""
        return bool(self.contention or self.coherency)

    @property
    def ignores_cancel_s(self) -> float:
        """How long generation goes on for a client that has gone, in seconds."""
        if self.on_cancel == "at_once":
            return 0.0
        return NEVER if isinstance(self.on_cancel, str) else self.on_cancel

    def speed(self, in_service: int) -> float:
        """Speed of each of so many attempts, 1 for a lone one (see the class for the source)."""
        others = max(0, in_service - 1)
        return 1 / (1 + self.contention * others + self.coherency * others * (others + 1))

    def scaled(self, factor: float) -> Load:
        """The same limits for a server whose every time is multiplied by `factor`."""

        def slower(rate: float | None) -> float | None:
            return None if rate is None else rate / factor

        return replace(
            self,
            requests_per_minute=slower(self.requests_per_minute),
            tokens_per_minute=slower(self.tokens_per_minute),
            burst_s=self.burst_s * factor,
            on_cancel=self.on_cancel if isinstance(self.on_cancel, str) else self.on_cancel * factor,
        )
