"""Which requests a trial sends, and how they are cut into batches."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from harness.records import Request

Count = Annotated[int, Field(ge=1, strict=True)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Workload:
    """`batches` x `batch_size` requests of one prompt; the published evaluation's by default.

    `max_tokens` limits each answer when it is given. `slo_s` is the time in seconds within which an answer counts as
    goodput.
    """

    batches: Count = 10
    batch_size: Count = 100
    prompt: str = "Write 1 random tokens"
    max_tokens: Count | None = None
    slo_s: Annotated[float, Field(gt=0)] = 30.0
    description: str = ""

    @property
    def name(self) -> str:
        """Batches x batch size, as in "10x100"."""
        return f"{self.batches}x{self.batch_size}"

    @cached_property
    def requests(self) -> list[Request]:
        """Every request, in order."""
        messages = ({"role": "user", "content": self.prompt},)
        return [Request(index, messages, self.max_tokens) for index in range(self.batches * self.batch_size)]

    def slices(self, size: int) -> list[list[Request]]:
        """The same requests in batches of `size`; the last one may be shorter."""
        return [self.requests[start : start + size] for start in range(0, len(self.requests), size)]
