"""Tokens and money. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from harness.config import Experiment
from harness.config.schema import PriceSettings
from harness.estimate.attempts import Attempts

#: Letters to a token of English, and tokens that a message costs beside its text: OpenAI's rules of thumb.
LETTERS, WRAPPING = 4, 8


@dataclass(frozen=True)
class Tokens:
    """Tokens of all attempts, expected and at most; None where nothing limits an answer.

    Output is attempts x tokens of an answer (`workload.max_tokens`, else the mock's `output_tokens`): an attempt that
    is given up counts as a whole one, since a server may finish it and bill for it. Input is attempts x (letters of the
    prompt / 4 + 8).
    """

    output_expected: int | None
    output_most: int | None
    input_expected: int
    input_most: int


@dataclass(frozen=True)
class Cost:
    """Dollars: input tokens x price of input + output tokens x price of output, per million; None if not limited."""

    expected: float | None
    most: float | None


def tokens(experiment: Experiment, attempts: Attempts) -> Tokens:
    """The tokens of a run."""
    workload = experiment.settings.workload
    each = workload.max_tokens
    if each is None and experiment.settings.target.kind == "mock":
        each = max(cell.profile.output_tokens for cell in experiment.cells)
    asked = -(-len(workload.prompt) // LETTERS) + WRAPPING
    return Tokens(
        output_expected=None if each is None else each * attempts.expected,
        output_most=None if each is None else each * attempts.most,
        input_expected=asked * attempts.expected,
        input_most=asked * attempts.most,
    )


def cost(price: PriceSettings, used: Tokens) -> Cost | None:
    """What the tokens cost at a price; None where no price is set."""
    if price.input is None or price.output is None:
        return None

    def dollars(asked: int, answered: int | None) -> float | None:
        if answered is None or price.input is None or price.output is None:
            return None
        return (asked * price.input + answered * price.output) / 1e6

    return Cost(dollars(used.input_expected, used.output_expected), dollars(used.input_most, used.output_most))
