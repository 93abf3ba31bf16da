"""How a server behaves: distributions of its times, and faults with their probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import cached_property, lru_cache
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from harness.distributions import Constant, Distribution
from harness.draws import uniform
from harness.faults import AnyFault, Fault, Meeting
from harness.profiles.load import Load
from harness.scripts import Event, Script

__all__ = ["Profile"]

_NOWHERE = Meeting()
#: Scripts of longer answers are made anew each time: a cache of the longest would take a gigabyte.
_CACHED_LENGTH = 4096


@dataclass(frozen=True, config=ConfigDict(extra="forbid", defer_build=True))
class Profile:
    """Draws the script of every attempt.

    Times in seconds: `headers` from the request's arrival, `first_content` from the headers, `between_tokens` from one
    token to the next, `end` from the last token to the finish. An answer has `output_tokens` tokens unless the request
    limits it, `tokens_per_chunk` of them in each chunk. At most one fault meets an attempt, so their probabilities
    must not exceed 1 together. `load` says what the server does when much is asked of it at once.
    """

    name: str
    description: str = ""
    headers: Distribution = Constant(0.0)
    first_content: Distribution = Constant(0.0)
    between_tokens: Distribution = Constant(0.0)
    end: Distribution = Constant(0.0)
    # As many as one answer of the mock may have; building more would hold up everybody else.
    output_tokens: Annotated[int, Field(ge=1, le=131_072, strict=True)] = 1
    tokens_per_chunk: Annotated[int, Field(ge=1, strict=True)] = 1
    faults: tuple[AnyFault, ...] = ()
    load: Load = Load()

    @model_validator(mode="after")
    def _probabilities_fit(self) -> Profile:
        total = sum(fault.probability for fault in self.faults)
        if total > 1 + 1e-12:
            raise ValueError(f"faults: their probabilities are {total:g} together, more than 1")
        return self

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Profile:
        """The profile that plain data describes. Raises pydantic.ValidationError."""
        return _ADAPTER.validate_python(fields)

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `from_dict` reads back."""
        return asdict(self)

    def with_fault(self, fault: Fault, name: str) -> Profile:
        """The same server, which also has the fault; `name` is added to its own. Raises ValueError beyond certainty."""
        return replace(self, name=f"{self.name}+{name}", faults=(*self.faults, fault))

    def scaled(self, factor: float) -> Profile:
        """The same server with every time multiplied by `factor`."""
        if factor == 1:
            return self
        return replace(
            self,
            headers=self.headers.scaled(factor),
            first_content=self.first_content.scaled(factor),
            between_tokens=self.between_tokens.scaled(factor),
            end=self.end.scaled(factor),
            faults=tuple(fault.scaled(factor) for fault in self.faults),
            load=self.load.scaled(factor),
        )

    def script(
        self,
        seed: int,
        request: str,
        attempt: int,
        *,
        tokens: int | None = None,
        stream: bool = True,
        openings: int = 0,
        meeting: Meeting = _NOWHERE,
    ) -> Script:
        """What the server does on one attempt; the same keys give the same script, whoever asks and when.

        `tokens` overrides the length of the answer, whose first `openings` name tools. With streaming, the role comes
        with the first content, as at OpenAI; without, headers and body leave together when the whole answer is done.
        Only faults that stick to connections or windows, or ask for them, depend on the circumstances of the `meeting`.
        """
        length = tokens or self.output_tokens
        if self._is_constant and length <= _CACHED_LENGTH:
            script = _healthy(self._constants, length, openings)
        else:
            script = self._drawn(seed, request, attempt, length, openings)
        if self.faults:
            met = self._fault(seed, request, attempt, meeting)
            if met is not None:
                number, fault = met
                whose = (meeting.prompt or request, 0) if fault.sticky == "prompt" else (request, attempt)
                script = fault.apply(script, uniform(seed, *whose, f"fault {number}"), meeting)
        return script if stream else script.all_at_the_end()

    @cached_property
    def knows_prompts(self) -> bool:
        """Whether a fault sticks to what is asked."""
        return any(fault.sticky == "prompt" for fault in self.faults)

    def connection_fault(self, seed: int, number: int, now_s: float) -> Fault | None:
        """What the `number`th connection (from 0) to a server on sockets meets before any request came over it."""
        meeting = Meeting(now_s=now_s, connecting=True)
        met = self._fault(seed, str(number), 1, meeting, only=lambda fault: fault.connects)
        return None if met is None else met[1]

    def _drawn(self, seed: int, request: str, attempt: int, length: int, openings: int) -> Script:
        def draw(distribution: Distribution, field: str) -> float:
            return distribution.quantile(uniform(seed, request, attempt, field))

        gaps = [draw(self.between_tokens, f"token {token}") for token in range(1, length)]
        return _answer(
            draw(self.headers, "headers"),
            draw(self.first_content, "first_content"),
            gaps,
            draw(self.end, "end"),
            openings,
        )

    @cached_property
    def _constants(self) -> tuple[float, ...]:
        steps = (self.headers, self.first_content, self.between_tokens, self.end)
        return tuple(step.value for step in steps if isinstance(step, Constant))

    @property
    def _is_constant(self) -> bool:
        """Whether nothing of a healthy answer is left to chance, so that all of one length are the same."""
        return len(self._constants) == 4

    def _fault(
        self,
        seed: int,
        request: str,
        attempt: int,
        meeting: Meeting,
        only: Callable[[Fault], bool] = lambda _: True,
    ) -> tuple[int, Fault] | None:
        """The fault that an attempt meets and its place among the faults.

        One draw for all that stick to the same thing, in which each has a range of its own whether or not it strikes:
        what one of them spares, no other of them gets.
        """
        for sticky, faults in self._by_sticky:
            left: float | None = None
            for number, fault in faults:
                if left is None or sticky == "window":
                    left = uniform(seed, *_whose(fault, number, request, attempt, meeting))
                if left < fault.probability:
                    if only(fault) and fault.strikes(request, attempt, meeting):
                        return number, fault
                    if sticky != "window":
                        break
                left -= fault.probability
        return None

    @cached_property
    def _by_sticky(self) -> list[tuple[str, list[tuple[int, Fault]]]]:
        numbered = list(enumerate(self.faults))
        kinds = ("prompt", "connection", "window", "attempt")
        found = [(kind, [(number, fault) for number, fault in numbered if fault.sticky == kind]) for kind in kinds]
        return [(kind, faults) for kind, faults in found if faults]


def _whose(fault: Fault, number: int, request: str, attempt: int, meeting: Meeting) -> tuple[str, int, str]:
    """Request, attempt and field of the draw that decides for what a fault sticks to."""
    if fault.sticky == "prompt":
        return meeting.prompt or request, 0, "fault"
    if fault.sticky == "connection":
        return (*(meeting.first or (request, attempt)), "connection fault")
    if fault.sticky == "window":
        # The faults of one window are independent: their windows may differ in length.
        return f"window {number}", int(meeting.now_s / (fault.window_s or 1.0)), "fault"
    return request, attempt, "fault"


@lru_cache(maxsize=64)
def _healthy(steps: tuple[float, ...], length: int, openings: int) -> Script:
    """The healthy answer of a profile whose steps are constants."""
    headers, first_content, between_tokens, end = steps
    return _answer(headers, first_content, [between_tokens] * (length - 1), end, openings)


def _answer(headers: float, first_content: float, gaps: Sequence[float], end: float, openings: int) -> Script:
    """The events of an answer with so many seconds between them."""
    now = headers + first_content
    events = [Event("headers", headers), Event("role", now), Event("token", now)]
    for gap in gaps:
        now += gap
        events.append(Event("token", now))
    now += end
    events += [Event("finish", now), Event("usage", now), Event("done", now), Event("end", now)]
    return Script(tuple(events), openings=openings)


_ADAPTER: TypeAdapter[Profile] = TypeAdapter(Profile)
