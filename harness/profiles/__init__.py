"""How a server behaves: distributions of its times, and faults with their probabilities."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from harness.distributions import Constant, Distribution
from harness.draws import uniform
from harness.faults import AnyFault, Fault
from harness.scripts import Event, Script

__all__ = ["Profile"]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Profile:
    """Draws the script of every attempt.

    Times in seconds: `headers` from the request's arrival, `first_content` from the headers, `between_tokens` from one
    token to the next, `end` from the last token to the finish. An answer has `output_tokens` tokens unless the request
    limits it, `tokens_per_chunk` of them in each chunk. At most one fault meets an attempt, so their probabilities
    must not exceed 1 together.
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
        )

    def script(
        self, seed: int, request: str, attempt: int, *, tokens: int | None = None, stream: bool = True
    ) -> Script:
        """What the server does on one attempt; the same keys give the same script, whoever asks and when.

        `tokens` overrides the length of the answer. With streaming, the role comes with the first content, as at
        OpenAI; without, headers and body leave together when the whole answer is done.
        """

        def draw(field: str) -> float:
            return uniform(seed, request, attempt, field)

        now = self.headers.quantile(draw("headers"))
        events = [Event("headers", now)]
        now += self.first_content.quantile(draw("first_content"))
        events.append(Event("role", now))
        for token in range(tokens or self.output_tokens):
            if token:
                now += self.between_tokens.quantile(draw(f"token {token}"))
            events.append(Event("token", now))
        now += self.end.quantile(draw("end"))
        events += [Event("finish", now), Event("usage", now), Event("done", now), Event("end", now)]
        script = Script(tuple(events))
        met = self._fault(seed, request, attempt)
        if met is not None:
            number, fault = met
            whose = 0 if fault.sticky == "prompt" else attempt
            script = fault.apply(script, uniform(seed, request, whose, f"fault {number}"))
        return script if stream else script.all_at_the_end()

    def _fault(self, seed: int, request: str, attempt: int) -> tuple[int, Fault] | None:
        """The fault that an attempt meets and its place: one draw for what sticks to its prompt, and one of its own."""
        for sticky, whose in (("prompt", 0), ("attempt", attempt)):
            faults = [(number, fault) for number, fault in enumerate(self.faults) if fault.sticky == sticky]
            left = uniform(seed, request, whose, "fault") if faults else 1.0
            for number, fault in faults:
                if left < fault.probability:
                    return number, fault
                left -= fault.probability
        return None


_ADAPTER: TypeAdapter[Profile] = TypeAdapter(Profile)
