"""Errors that a user can cause and mend."""


class UserError(Exception):
    """A mistake in what the user gave: shown as one or two plain lines, never as a traceback.

    The message says what is wrong and what to do about it. `exit_code` is the documented exit
    code of the command (2 for bad settings unless a subclass says otherwise).
    """

    exit_code = 2


class BudgetError(UserError):
    """The run may send more than its budget allows, or no budget was given for a real API."""

    exit_code = 4
