"""What faults share: how often they strike, whom, and where in an answer."""

from __future__ import annotations

from dataclasses import dataclass as plain_dataclass
from dataclasses import fields, replace
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from harness.distributions import Distribution
from harness.draws import whole_number
from harness.scripts import NEVER, Script

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, defer_build=True)
Tokens = Annotated[int, Field(ge=0, strict=True)]
Seconds = Annotated[float, Field(gt=0)]
Times = Annotated[int, Field(ge=1, strict=True)]
Duration = Distribution | Literal["forever"]
Sticky = Literal["attempt", "prompt", "connection", "window"]
_F = TypeVar("_F", bound="Fault")


@plain_dataclass(frozen=True, slots=True)
class Meeting:
    """The circumstances in which a fault may meet an attempt, beside its request and its number.

    `now_s` counts from the server's first request of the scope; `first` names the request and attempt that came first
    over the same connection, `served` requests came over it before, the last of them ended `idle_s` seconds ago;
    `in_flight` other attempts are being answered. `connecting` says that there is no connection yet. `prompt` names
    what is asked, where that is not the request's own name.
    """

    now_s: float = 0.0
    first: tuple[str, int] | None = None
    served: int = 0
    idle_s: float = 0.0
    in_flight: int = 0
    connecting: bool = False
    prompt: str | None = None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Fault:
    """One misbehaviour that meets an attempt with `probability`.

    `sticky` says for whom the dice are thrown: each attempt by itself, or once for each prompt, connection, or window
    of `window_s` seconds, so that all attempts of it meet the fault. `first_attempts` spares the later attempts of a
    request, `every` all requests but each so many-th. Subclasses register themselves by their `kind` and edit a
    script's timeline; none sleeps or sends. Fields whose names end in `_s`, and distributions, are seconds.
    """

    probability: Annotated[float, Field(gt=0, le=1)]
    sticky: Sticky = "attempt"
    window_s: Seconds | None = None
    first_attempts: Times | None = None
    every: Times | None = None

    register: ClassVar[dict[str, type[Fault]]] = {}
    #: Whether it strikes before there is a connection. Servers on sockets meet it then; only direct calls know already
    #: which attempt it is.
    connects: ClassVar[bool] = False

    def __init_subclass__(cls, **settings: Any) -> None:
        kind = cls.__dict__.get("kind")
        if isinstance(kind, str):
            Fault.register[kind] = cls

    @model_validator(mode="after")
    def _window_belongs_to_windows(self) -> Fault:
        if (self.sticky == "window") != (self.window_s is not None):
            raise ValueError("window_s: seconds with sticky=window, and left out otherwise")
        return self

    @property
    def name(self) -> str:
        """Its kind, which the log calls it by."""
        return str(getattr(self, "kind", ""))

    def strikes(self, request: str, attempt: int, meeting: Meeting) -> bool:
        """Whether it can meet this attempt at all, whatever the dice say."""
        if self.first_attempts is not None and attempt > self.first_attempts:
            return False
        if self.every is not None and (_number(request) + 1) % self.every:
            return False
        return meeting.connecting or not self.connects

    def apply(self, script: Script, u: float, meeting: Meeting) -> Script:
        """The script as this fault leaves it; `u` in (0, 1) draws what is left to chance.

        An answer in which the fault has no place stays as it is.
        """
        edited = self.edit(script, u, meeting)
        return script if edited is script else replace(edited, fault=self.name)

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:
        """What a subclass does to the timeline."""
        raise NotImplementedError

    def scaled(self: _F, factor: float) -> _F:
        """The same fault with its times multiplied by `factor`."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        changes: dict[str, Any] = {name: v.scaled(factor) for name, v in values.items() if hasattr(v, "scaled")}
        changes |= {name: v * factor for name, v in values.items() if name.endswith("_s") and isinstance(v, float)}
        return replace(self, **changes) if changes else self


def _number(request: str) -> int:
    """The number of a request: its name if that is one, else one that its name gives by hashing."""
    return int(request) if request.isascii() and request.isdigit() else whole_number(request)


def seconds_of(duration: Duration, u: float) -> float:
    """The time that a draw gives; infinity for a duration of "forever"."""
    return NEVER if duration == "forever" else duration.quantile(u)


Position = Literal[
    "before_headers",
    "after_headers",
    "after_role",
    "after_tokens",
    "inside_tool_arguments",
    "after_finish",
    "after_done",
]


def place(script: Script, position: Position, tokens: int = 0) -> int | None:
    """Where the next event after a position stands; None in an answer that has no such place.

    `tokens` goes with after_tokens: behind the nth, behind the last one of a shorter answer, or behind the role.
    """
    if position == "before_headers":
        return 0
    if position == "inside_tool_arguments":
        # Behind the first fragment of the first call's arguments.
        return script.index_of("token", script.openings + 1) + 1 if script.openings else None
    if position == "after_tokens":
        wanted = min(tokens, sum(event.name == "token" for event in script.events))
        return script.index_of("token", wanted) + 1 if wanted else script.index_of("role") + 1
    return script.index_of(_BEHIND[position]) + 1


_BEHIND: dict[str, Any] = {
    "after_headers": "headers",
    "after_role": "role",
    "after_finish": "usage",
    "after_done": "done",
}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AfterTokens(Fault):
    """A fault that strikes after `tokens` tokens, or at the end of an answer that is shorter."""

    tokens: Tokens = 1

    def index(self, script: Script) -> int:
        """Where the next event after that many tokens stands."""
        return place(script, "after_tokens", self.tokens) or 0


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

    def index(self, script: Script) -> int | None:
        """Where the next event after the position stands; None where there is no such place."""
        return place(script, self.position, self.tokens)
