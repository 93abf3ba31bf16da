"""Silences of all kinds: the server does not fail, it is just not heard of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from harness.distributions import Distribution, Uniform
from harness.faults.base import STRICT, AfterTokens, Duration, Fault, Positioned, Seconds, scaling, seconds_of
from harness.scripts import Event, Script

#: What a server can send during a silence that is no content: SSE comments, blank lines, events without a choice.
NOISE = {
    "comments": b": ping\n\n",
    "blank": b"\n",
    "empty_events": b'data: {"id":"","object":"chat.completion.chunk","created":0,"model":"","choices":[]}\n\n',
}
Noise = Literal["none", "comments", "blank", "empty_events"]


def stalled(script: Script, index: int, seconds: float, noise: Noise = "none", every_s: float = 15.0) -> Script:
    """Silence of `seconds` before the event at `index`, broken by noise every `every_s` seconds if there is any.

    Noise needs a body to be in, so before the headers there is none.
    """
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

    def edit(self, script: Script, u: float) -> Script:
        """Everything behind the position is later by the duration."""
        return stalled(script, self.index(script), seconds_of(self.duration, u), self.noise, self.every_s)

    def _times(self) -> dict[str, Callable[[float], Any]]:
        return {"duration": scaling(self.duration), "every_s": lambda factor: self.every_s * factor}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class _Silence(Fault):
    """A stall at one place, for ever unless it says how long."""

    duration: Duration = "forever"

    def _times(self) -> dict[str, Callable[[float], Any]]:
        return {"duration": scaling(self.duration)}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class HangBeforeHeaders(_Silence):
    """reads the request and sends nothing: the only stall that the SDK's own retries see"""

    kind: Literal["hang_before_headers"] = "hang_before_headers"

    def edit(self, script: Script, u: float) -> Script:
        """All of the answer is later."""
        return stalled(script, 0, seconds_of(self.duration, u))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class HeadersThenSilence(_Silence):
    """status 200 and the headers of a stream, then not a byte"""

    kind: Literal["headers_then_silence"] = "headers_then_silence"

    def edit(self, script: Script, u: float) -> Script:
        """Everything but the headers is later."""
        return stalled(script, script.index_of("headers") + 1, seconds_of(self.duration, u))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RoleOnlyPrelude(_Silence):
    """a first chunk with a role and no content, then silence: satisfies a timer of the first chunk"""

    kind: Literal["role_only_prelude"] = "role_only_prelude"

    def edit(self, script: Script, u: float) -> Script:
        """The role comes in time, the first token does not."""
        return stalled(script, script.index_of("role") + 1, seconds_of(self.duration, u))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class KeepaliveComments(_Silence):
    """SSE comments every few seconds instead of an answer: they reset every timer that waits for bytes"""

    every_s: Seconds = 5.0
    kind: Literal["keepalive_comments"] = "keepalive_comments"

    def edit(self, script: Script, u: float) -> Script:
        """After the headers comments only, until the duration is over."""
        place = script.index_of("headers") + 1
        return stalled(script, place, seconds_of(self.duration, u), "comments", self.every_s)

    def _times(self) -> dict[str, Callable[[float], Any]]:
        return {"duration": scaling(self.duration), "every_s": lambda factor: self.every_s * factor}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PingEvents(_Silence):
    """events without a choice every few seconds instead of an answer: they reset timers of parsed events too"""

    every_s: Seconds = 5.0
    kind: Literal["ping_events"] = "ping_events"

    def edit(self, script: Script, u: float) -> Script:
        """After the headers empty events only, until the duration is over."""
        place = script.index_of("headers") + 1
        return stalled(script, place, seconds_of(self.duration, u), "empty_events", self.every_s)

    def _times(self) -> dict[str, Callable[[float], Any]]:
        return {"duration": scaling(self.duration), "every_s": lambda factor: self.every_s * factor}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MidStreamStall(AfterTokens):
    """k tokens, then silence: needs a timer between tokens"""

    duration: Duration = "forever"
    kind: Literal["mid_stream_stall"] = "mid_stream_stall"

    def edit(self, script: Script, u: float) -> Script:
        """What follows the tokens is later."""
        return stalled(script, self.index(script), seconds_of(self.duration, u))

    def _times(self) -> dict[str, Callable[[float], Any]]:
        return {"duration": scaling(self.duration)}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FinishThenHang(_Silence):
    """the answer is complete, but neither [DONE] nor the end follows"""

    kind: Literal["finish_then_hang"] = "finish_then_hang"

    def edit(self, script: Script, u: float) -> Script:
        """What follows the finish is later."""
        return stalled(script, script.index_of("usage") + 1, seconds_of(self.duration, u))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PostDoneLinger(_Silence):
    """[DONE] was sent, but the connection is not given back"""

    kind: Literal["post_done_linger"] = "post_done_linger"

    def edit(self, script: Script, u: float) -> Script:
        """The end is later."""
        return stalled(script, script.index_of("done") + 1, seconds_of(self.duration, u))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SlowDrip(Fault):
    """one token every `every_s` seconds, just below an idle limit: only a total deadline helps"""

    every_s: Seconds = 9.0
    kind: Literal["slow_drip"] = "slow_drip"

    def edit(self, script: Script, u: float) -> Script:  # noqa: ARG002 - nothing is left to chance
        """Every token waits for its predecessor and then for the drip."""
        for number in range(2, sum(event.name == "token" for event in script.events) + 1):
            place = script.index_of("token", number)
            gap = script.events[place].at_s - script.at(place)
            script = script.delayed_from(place, max(0.0, self.every_s - gap))
        return script

    def _times(self) -> dict[str, Callable[[float], Any]]:
        return {"every_s": lambda factor: self.every_s * factor}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ReasoningPause(Fault):
    """a healthy pause before the first token, as of a model that thinks: whoever kills it starts it again"""

    duration: Distribution = Uniform(30.0, 300.0)
    # A model thinks about a prompt, however often it is asked.
    sticky: Literal["attempt", "prompt"] = "prompt"
    kind: Literal["reasoning_pause"] = "reasoning_pause"

    def edit(self, script: Script, u: float) -> Script:
        """The first token is later."""
        return stalled(script, script.index_of("role") + 1, self.duration.quantile(u))

    def _times(self) -> dict[str, Callable[[float], Any]]:
        return {"duration": self.duration.scaled}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SlowPrompt(Fault):
    """the same request is slow on every attempt: breaks the independence that restarting rests on"""

    duration: Distribution = Uniform(15.0, 60.0)
    sticky: Literal["attempt", "prompt"] = "prompt"
    kind: Literal["slow_prompt"] = "slow_prompt"

    def edit(self, script: Script, u: float) -> Script:
        """All of the answer is later, by the same time whenever it is asked for."""
        return script.delayed_from(0, self.duration.quantile(u))

    def _times(self) -> dict[str, Callable[[float], Any]]:
        return {"duration": self.duration.scaled}
