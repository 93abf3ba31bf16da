"""Silences of all kinds: the server does not fail, it is just not heard of."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from harness.distributions import Distribution, LogUniform, Uniform
from harness.faults.base import (
    STRICT,
    AfterTokens,
    Duration,
    Fault,
    Meeting,
    Position,
    Positioned,
    Seconds,
    Sticky,
    place,
    seconds_of,
)
from harness.scripts import Event, Script

#: What a server can send during a silence that is no content: SSE comments, blank lines, events without a choice.
NOISE = {
    "comments": b": ping\n\n",
    "blank": b"\n",
    "empty_events": b'data: {"id":"","object":"chat.completion.chunk","created":0,"model":"","choices":[]}\n\n',
}
Noise = Literal["none", "comments", "blank", "empty_events"]


def stalled(script: Script, index: int | None, seconds: float, noise: Noise = "none", every_s: float = 15.0) -> Script:
    """Silence of `seconds` before the event at `index`, broken by noise every `every_s` seconds if there is any.

    Noise needs a body to be in, so before the headers there is none.
    """
    if index is None:
        return script
    begins = script.at(index)
    delayed = script.delayed_from(index, seconds)
    if noise == "none" or index <= script.index_of("headers"):
        return delayed
    return delayed.inserted(index, Event("noise", begins, data=NOISE[noise], every_s=every_s))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Stall(Positioned):
    """silence before or after the headers, after the role, k tokens or the finish, for a time or for ever"""

    duration: Duration
    noise: Noise = "none"
    every_s: Seconds = 15.0
    kind: Literal["stall"] = "stall"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - the same in any circumstances
        """Everything behind the position is later by the duration."""
        return stalled(script, self.index(script), seconds_of(self.duration, u), self.noise, self.every_s)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class _Silence(Fault):
    """A stall at one place, for ever unless it says how long."""

    duration: Duration = "forever"

    where: ClassVar[Position] = "before_headers"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """Everything behind the place is later by the duration."""
        return stalled(script, place(script, self.where), seconds_of(self.duration, u))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class HangBeforeHeaders(_Silence):
    """reads the request and sends nothing: the only stall that the SDK's own retries see"""

    kind: Literal["hang_before_headers"] = "hang_before_headers"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class HeadersThenSilence(_Silence):
    """status 200 and the headers of a stream, then not a byte"""

    kind: Literal["headers_then_silence"] = "headers_then_silence"
    where = "after_headers"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RoleOnlyPrelude(_Silence):
    """a first chunk with a role and no content, then silence: satisfies a timer of the first chunk"""

    kind: Literal["role_only_prelude"] = "role_only_prelude"
    where = "after_role"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FinishThenHang(_Silence):
    """the answer is complete, but neither [DONE] nor the end follows"""

    kind: Literal["finish_then_hang"] = "finish_then_hang"
    where = "after_finish"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PostDoneLinger(_Silence):
    """[DONE] was sent, but the connection is not given back"""

    kind: Literal["post_done_linger"] = "post_done_linger"
    where = "after_done"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class _NoisySilence(Fault):
    """After the headers only noise, every few seconds, until the duration is over."""

    duration: Duration = "forever"
    every_s: Seconds = 5.0

    noise: ClassVar[Noise] = "comments"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """Everything but the headers is later, with noise instead."""
        after = place(script, "after_headers")
        return stalled(script, after, seconds_of(self.duration, u), self.noise, self.every_s)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class KeepaliveComments(_NoisySilence):
    """SSE comments every few seconds instead of an answer: they reset every timer that waits for bytes"""

    kind: Literal["keepalive_comments"] = "keepalive_comments"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PingEvents(_NoisySilence):
    """events without a choice every few seconds instead of an answer: they reset timers of parsed events too"""

    kind: Literal["ping_events"] = "ping_events"
    noise = "empty_events"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MidStreamStall(AfterTokens):
    """k tokens, then silence: needs a timer between tokens"""

    duration: Duration = "forever"
    kind: Literal["mid_stream_stall"] = "mid_stream_stall"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """What follows the tokens is later."""
        return stalled(script, self.index(script), seconds_of(self.duration, u))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SlowDrip(Fault):
    """one token every `every_s` seconds, just below an idle limit: only a total deadline helps"""

    every_s: Seconds = 9.0
    kind: Literal["slow_drip"] = "slow_drip"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - nothing is left to chance
        """Every token waits for its predecessor and then for the drip."""
        events, later, tokens = [], 0.0, 0
        for index, event in enumerate(script.events):
            tokens += event.name == "token"
            if event.name == "token" and tokens > 1:
                later += max(0.0, self.every_s - (event.at_s - script.at(index)))
            events.append(replace(event, at_s=event.at_s + later))
        return replace(script, events=tuple(events))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ReasoningPause(Fault):
    """a healthy pause before the first token, as of a model that thinks: whoever kills it starts it again"""

    duration: Distribution = Uniform(30.0, 300.0)
    # A model thinks about a prompt, however often it is asked.
    sticky: Sticky = "prompt"
    kind: Literal["reasoning_pause"] = "reasoning_pause"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """The first token is later."""
        return stalled(script, place(script, "after_role"), self.duration.quantile(u))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SlowPrompt(Fault):
    """the same request is slow on every attempt: breaks the independence that restarting rests on"""

    duration: Distribution = Uniform(15.0, 60.0)
    sticky: Sticky = "prompt"
    kind: Literal["slow_prompt"] = "slow_prompt"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """All of the answer is later, by the same time whenever it is asked for."""
        return script.delayed_from(0, self.duration.quantile(u))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CorrelatedOutage(Fault):
    """stalls clustered in time: in a bad window of `window_s` seconds all attempts that arrive get stuck"""

    duration: Duration = LogUniform(6.0, 55.0)
    sticky: Sticky = "window"
    window_s: Seconds | None = 30.0
    kind: Literal["correlated_outage"] = "correlated_outage"

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - as above
        """All of the answer is later."""
        return script.delayed_from(0, seconds_of(self.duration, u))
