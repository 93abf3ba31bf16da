"""Faults of the connection: never made, broken, unread, or left in a state that harms the next request."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from harness.distributions import Constant, Distribution
from harness.faults.base import STRICT, AfterTokens, Duration, Fault, Meeting, Sticky, seconds_of
from harness.scripts import NEVER, Event, Name, Script

#: FIN looks like an answer that is cut short, RST like a server that died.
How = Literal["fin", "reset"]
_EVENTS: dict[str, Name] = {"fin": "break", "reset": "reset"}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class _NoConnection(Fault):
    """The connection is never made; over sockets the dice are thrown for each of them, before there is a request."""

    sticky: Sticky = "connection"
    connects: ClassVar[bool] = True

    @model_validator(mode="after")
    def _has_no_request(self) -> _NoConnection:
        if self.sticky not in ("connection", "window"):
            raise ValueError("sticky: connection or window, since there is no request before there is a connection")
        if self.first_attempts is not None or self.every is not None:
            raise ValueError("every, first_attempts: there is no request to count before there is a connection")
        return self


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ConnectBlackhole(_NoConnection):
    """SYN is never answered: the connect timeout's business, which a plain number in `timeout=` loosens"""

    kind: Literal["connect_blackhole"] = "connect_blackhole"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - nothing is left to chance
        """The client waits for a connection."""
        return script.cut(0, Event("unreachable", 0.0), Event("end", NEVER))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ConnectRefused(_NoConnection):
    """nobody listens, as while a server restarts"""

    kind: Literal["connect_refused"] = "connect_refused"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """The client is told at once."""
        return script.cut(0, Event("refused", 0.0))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AcceptedUnread(Fault):
    """the connection is accepted and then never read: a large request cannot even be sent"""

    kind: Literal["accepted_unread"] = "accepted_unread"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """Nothing is read and nothing is sent."""
        return script.delayed_from(0, NEVER).inserted(0, Event("unread", 0.0))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class StaleKeepalive(Fault):
    """a request on a pooled connection that was idle for `idle_s` is never answered; a fresh connection is instant"""

    idle_s: Annotated[float, Field(ge=0)] = 0.0
    duration: Duration = "forever"
    sticky: Sticky = "connection"
    kind: Literal["stale_keepalive"] = "stale_keepalive"

    def strikes(self, request: str, attempt: int, meeting: Meeting) -> bool:
        """Only where something was answered before."""
        reused = meeting.served > 0 and meeting.idle_s >= self.idle_s
        return reused and super().strikes(request, attempt, meeting)

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """All of the answer is later."""
        return script.delayed_from(0, seconds_of(self.duration, u))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DropBeforeHeaders(Fault):
    """the connection breaks before any answer, with RST or FIN"""

    how: How = "reset"
    after: Distribution = Constant(0.0)
    kind: Literal["drop_before_headers"] = "drop_before_headers"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """Nothing but the break."""
        return script.cut(0, Event(_EVENTS[self.how], self.after.quantile(u)))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AbruptDisconnect(AfterTokens):
    """the connection breaks after k tokens, in the middle of a chunked body, with FIN or RST"""

    how: How = "fin"
    kind: Literal["abrupt_disconnect"] = "abrupt_disconnect"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """Nothing but the break follows the tokens."""
        index = self.index(script)
        return script.cut(index, Event(_EVENTS[self.how], script.at(index)))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class WrongContentLength(Fault):
    """a Content-Length that is `by` bytes too large, so that the client waits for them, or too small, if negative"""

    by: Annotated[int, Field(strict=True)] = 10
    kind: Literal["wrong_content_length"] = "wrong_content_length"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """The headers lie; the times stay."""
        headers = script.index_of("headers")
        lying = replace(script.events[headers], length_error=self.by)
        return replace(script, events=(*script.events[:headers], lying, *script.events[headers + 1 :]))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CancelIgnored(Fault):
    """the server goes on generating after the client has gone: abandoned attempts still cost tokens and their slot"""

    duration: Duration = "forever"
    kind: Literal["cancel_ignored"] = "cancel_ignored"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """The answer is as before; what follows a cancellation is not."""
        return replace(script, ignores_cancel_s=seconds_of(self.duration, u))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Overload(Fault):
    """latency grows with the attempts in flight: all times are stretched by their number over `capacity`"""

    capacity: Annotated[int, Field(ge=1, strict=True)] = 100
    kind: Literal["overload"] = "overload"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """Times are multiplied as soon as there are more than the capacity."""
        factor = (meeting.in_flight + 1) / self.capacity
        if factor <= 1:
            return script
        return replace(script, events=tuple(replace(event, at_s=event.at_s * factor) for event in script.events))
