"""What faults share: how often they strike, whom, and where in an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from harness.distributions import Distribution
from harness.scripts import NEVER, Script

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
Tokens = Annotated[int, Field(ge=0, strict=True)]
Seconds = Annotated[float, Field(gt=0)]
Duration = Distribution | Literal["forever"]
_F = TypeVar("_F", bound="Fault")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Fault:
    """One misbehaviour that meets an attempt with `probability`.

    `sticky` says for whom the dice are thrown: each attempt by itself, or each prompt once, so that all of its attempts
    meet the fault. Subclasses register themselves by their `kind` and edit a script's timeline; none sleeps or sends.
    """

    probability: Annotated[float, Field(gt=0, le=1)]
    sticky: Literal["attempt", "prompt"] = "attempt"

    register: ClassVar[dict[str, type[Fault]]] = {}

    def __init_subclass__(cls, **settings: Any) -> None:
        kind = cls.__dict__.get("kind")
        if isinstance(kind, str):
            Fault.register[kind] = cls

    @property
    def name(self) -> str:
        """Its kind, which the log calls it by."""
        return str(getattr(self, "kind", ""))

    def apply(self, script: Script, u: float) -> Script:
        """The script as this fault leaves it; `u` in (0, 1) draws what is left to chance."""
        return replace(self.edit(script, u), fault=self.name)

    def edit(self, script: Script, u: float) -> Script:
        """What a subclass does to the timeline."""
        raise NotImplementedError

    def scaled(self: _F, factor: float) -> _F:
        """The same fault with its times multiplied by `factor`."""
        changes = {name: scale(factor) for name, scale in self._times().items()}
        return replace(self, **changes) if changes else self

    def _times(self) -> dict[str, Callable[[float], Any]]:
        """For each field that is a time, how to scale it."""
        return {}


def seconds_of(duration: Duration, u: float) -> float:
    """The time that a draw gives; infinity for a duration of "forever"."""
    return NEVER if duration == "forever" else duration.quantile(u)


def scaling(duration: Duration) -> Callable[[float], Duration]:
    """How a duration is scaled: for ever stays for ever."""

    def scale(factor: float) -> Duration:
        return duration if duration == "forever" else duration.scaled(factor)

    return scale


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AfterTokens(Fault):
    """A fault that strikes after `tokens` tokens, or at the end of an answer that is shorter."""

    tokens: Tokens = 1

    def index(self, script: Script) -> int:
        """Where the next event after that many tokens stands."""
        return after_tokens(script, self.tokens)


def after_tokens(script: Script, tokens: int) -> int:
    """The place behind the nth token, behind the last one of a shorter answer, or behind the role for none."""
    last = sum(event.name == "token" for event in script.events)
    wanted = min(tokens, last)
    return script.index_of("token", wanted) + 1 if wanted else script.index_of("role") + 1


Position = Literal["before_headers", "after_headers", "after_role", "after_tokens", "after_finish", "after_done"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Positioned(Fault):
    """A fault that strikes at a `position` of the answer; `tokens` goes with after_tokens."""

    position: Position = "before_headers"
    tokens: Tokens = 0

    @model_validator(mode="after")
    def _tokens_belong_to_their_position(self) -> Positioned:
        if (self.position == "after_tokens") != (self.tokens > 0):
            raise ValueError("tokens: 1 or more with position=after_tokens, and left out with the others")
        return self

    def index(self, script: Script) -> int:
        """Where the next event after the position stands."""
        if self.position == "before_headers":
            return 0
        if self.position == "after_headers":
            return script.index_of("headers") + 1
        if self.position == "after_role":
            return script.index_of("role") + 1
        if self.position == "after_tokens":
            return after_tokens(script, self.tokens)
        return script.index_of("usage" if self.position == "after_finish" else "done") + 1
