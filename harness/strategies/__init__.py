"""Client settings that a cell tests. Pure: nothing here sends, sleeps or reads a clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

__all__ = ["OFF", "Strategy", "Timeout"]

#: `timeout=off`: the SDK is told None, and waits for ever.
OFF: Literal["off"] = "off"


def _parse_timeout(value: object) -> object:
    # YAML reads a bare `off` as false.
    if value is False:
        return OFF
    if isinstance(value, str) and value.lower() == "none":
        raise ValueError(
            "'none' is ambiguous: write null to leave the argument out (the SDK's default of 600 s) "
            "or off to pass None (no timeout at all)"
        )
    if isinstance(value, bool):
        raise ValueError("a timeout is a number of seconds, null or off")
    return value


Timeout = Annotated[
    Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["off"] | None, BeforeValidator(_parse_timeout)
]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Strategy:
    """The SDK's own timeout and retries, with tenacity around them: the settings of the published evaluation.

    `timeout` in seconds is what the SDK is called with: None leaves the argument out (its default of 600 s), "off"
    passes None. `max_retries` counts the SDK's retries, `tenacity_attempts` the rounds around them, so that a request
    makes at most (max_retries + 1) x tenacity_attempts HTTP attempts.
    """

    name: str
    timeout: Timeout = None
    stream: Annotated[bool, Field(strict=True)] = False
    max_retries: Annotated[int, Field(ge=0, strict=True)] = 5
    tenacity_attempts: Annotated[int, Field(ge=1, strict=True)] = 3
    dispatch: Literal["gather"] = "gather"
    kind: Literal["sdk"] = "sdk"
    description: str = ""

    @property
    def http_attempts_at_most(self) -> int:
        """The most HTTP attempts that one request can make."""
        return (self.max_retries + 1) * self.tenacity_attempts

    def call_arguments(self) -> dict[str, Any]:
        """The keyword arguments of `chat.completions.create` that this strategy sets."""
        arguments: dict[str, Any] = {}
        if self.stream:
            arguments["stream"] = True
        if self.timeout is not None:
            arguments["timeout"] = None if self.timeout == OFF else self.timeout
        return arguments

    def scaled(self, factor: float) -> Strategy:
        """The same strategy with its times multiplied by `factor`; the SDK's default of 600 s counts as a time."""
        if factor == 1 or self.timeout == OFF:
            return self
        return replace(self, timeout=(600.0 if self.timeout is None else self.timeout) * factor)
