"""Errors that a user can cause and mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in what the user gave: shown as one or two plain lines, never as a traceback.

    The message says what is wrong and what to do about it. `exit_code` is the documented exit
    code of the command (2 for bad settings unless a subclass says otherwise).
    """

    exit_code = 2


class BudgetError(UserError):
    """The run may send more than its budget allows, or no budget was given for a real API."""

    exit_code = 4


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """ "; did you mean 'x'?", or the choices when none is near."""
    known = sorted(choices)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; there are: {', '.join(known)}" if known else ""
