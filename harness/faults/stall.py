"""Silence longer than it should be."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from harness.distributions import Distribution
from harness.scripts import NEVER, Script


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Stall:
    """The server falls silent at `position` for `duration` seconds, or for ever, and then goes on as before.

    `position` is before the headers, after them, or after `tokens` tokens. Without streaming no byte leaves before the
    whole answer is done, so there every stall delays the headers.
    """

    probability: Annotated[float, Field(gt=0, le=1)]
    duration: Distribution | Literal["forever"]
    position: Literal["before_headers", "after_headers", "after_tokens"] = "before_headers"
    tokens: Annotated[int, Field(ge=0, strict=True)] = 0
    kind: Literal["stall"] = "stall"

    @model_validator(mode="after")
    def _tokens_belong_to_their_position(self) -> Stall:
        if (self.position == "after_tokens") != (self.tokens > 0):
            raise ValueError("tokens: 1 or more with position=after_tokens, and left out with the others")
        return self

    def apply(self, script: Script, u: float) -> Script:
        """The script with everything behind the position moved by the duration that `u` draws."""
        seconds = NEVER if self.duration == "forever" else self.duration.quantile(u)
        return replace(script.delayed_from(self._index(script), seconds), fault=self.kind)

    def scaled(self, factor: float) -> Stall:
        """The same fault with its duration multiplied by `factor`."""
        return self if self.duration == "forever" else replace(self, duration=self.duration.scaled(factor))

    def _index(self, script: Script) -> int:
        if self.position == "before_headers":
            return 0
        if self.position == "after_headers":
            return script.index_of("headers") + 1
        # A stall behind the last token falls between it and the finish.
        last = sum(event.name == "token" for event in script.events)
        return script.index_of("token", min(self.tokens, last)) + 1
