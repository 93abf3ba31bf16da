"""Tokens and money. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.config import Experiment
from harness.config.schema import PriceSettings
from harness.estimate.attempts import Attempts

#: Letters to a token of English, and tokens that a message costs beside its text: OpenAI's rules of thumb.
LETTERS, WRAPPING = 4, 8


@dataclass(frozen=True)
class Tokens:
    """Tokens of all attempts, expected and at most; None where nothing limits an answer.

    Output is attempts x tokens of an answer (its limit, or what `workload.file` expects, else the mock's
    `output_tokens`; at most counts limits alone): an attempt that is given up counts as a whole one, since a server may
    finish it and bill for it. Input is attempts x (letters of the
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
    each, most = tokens_of_an_answer(experiment), experiment.tokens_at_most()
    if most is None and each is not None and experiment.settings.target.kind == "mock":
        most = round(each * attempts.most)
    asked = math.ceil(workload.letters / len(workload) / LETTERS) + WRAPPING
    return Tokens(
        output_expected=None if each is None else round(each * attempts.expected),
        output_most=most,
        input_expected=asked * attempts.expected,
        input_most=asked * attempts.most,
    )


def tokens_of_an_answer(experiment: Experiment) -> float | None:
    """How many tokens an answer has on average, its own limit or expectation, else the mock's; None if nothing says."""
    usual = None
    if experiment.settings.target.kind == "mock":
        usual = max(cell.profile.output_tokens for cell in experiment.cells)
    workload = experiment.settings.workload
    found = workload.expected_tokens(usual)
    return None if found is None else found / len(workload)


def cost(price: PriceSettings, used: Tokens) -> Cost | None:
    """What the tokens cost at a price; None where no price is set."""
    if price.input is None or price.output is None:
        return None

    def dollars(asked: int, answered: int | None) -> float | None:
        if answered is None or price.input is None or price.output is None:
            return None
        return (asked * price.input + answered * price.output) / 1e6

    return Cost(dollars(used.input_expected, used.output_expected), dollars(used.input_most, used.output_most))
