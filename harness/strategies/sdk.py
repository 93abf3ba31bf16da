"""The settings of the published evaluation: the SDK's own timeout and retries, with tenacity around them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from harness.strategies.base import OFF, STRICT, Count, Strategy, Timeout, Times


@dataclass(frozen=True, config=STRICT)
class Sdk(Strategy):
    """the SDK's own timeout and retries, with tenacity around them, as in the published evaluation

    `timeout` in seconds is what the SDK is called with: None leaves the argument out (its default of 600 s), "off"
    passes None. `max_retries` counts the SDK's retries, `tenacity_attempts` the rounds around them, so that a request
    makes at most (max_retries + 1) x tenacity_attempts HTTP attempts.
    """

    timeout: Timeout = None
    max_retries: Times = 5
    tenacity_attempts: Count = 3
    kind: Literal["sdk"] = "sdk"

    @property
    def http_attempts_at_most(self) -> int:
        """The most HTTP attempts that one request can make."""
        return (self.max_retries + 1) * self.tenacity_attempts

    @property
    def sdk_retries(self) -> int:
        """How often the SDK itself is told to retry."""
        return self.max_retries

    def call_arguments(self) -> dict[str, Any]:
        """The keyword arguments of `chat.completions.create` that this strategy sets."""
        arguments = super().call_arguments()
        if self.timeout is not None:
            arguments["timeout"] = None if self.timeout == OFF else self.timeout
        return arguments

    def scaled(self, factor: float) -> Sdk:
        """The same strategy with its times multiplied by `factor`; the SDK's default of 600 s counts as a time."""
        if factor == 1 or self.timeout == OFF:
            return self
        return replace(self, timeout=(600.0 if self.timeout is None else self.timeout) * factor)
