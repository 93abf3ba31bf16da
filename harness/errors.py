"""Errors that a user can cause and mend."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class UserError(Exception):
    """A mistake in what the user gave: shown as one or two plain lines, never as a traceback.

    The message says what is wrong and what to do about it. `exit_code` is the documented exit
    code of the command (2 for bad settings unless a subclass says otherwise).
    """

    exit_code = 2


class BudgetError(UserError):
    """The run may send more than its budget allows, or no budget was given for a real API."""

    exit_code = 4


class StoppedError(UserError):
    """The run cannot go on, for a reason that its settings do not hold; what was finished is kept."""

    exit_code = 3


class DiskError(UserError):
    """Nothing more can be written there; what was finished is kept."""

    exit_code = 5


class GoneError(DiskError):
    """What was written to has been removed, and what was finished with it."""


#: What a disk says that has no room.
_FULL = {
    errno.ENOSPC: "no space left",
    getattr(errno, "EDQUOT", errno.ENOSPC): "the disk quota is used up",
    errno.EFBIG: "a file may not grow further (see ulimit -f)",
}


def has_no_room(error: OSError) -> bool:
    """Whether an error of the system says that there is no room, wherever it was."""
    return error.errno in _FULL


def unwritten(path: str | Path, error: OSError) -> DiskError:
    """What an error of the system means for what was being written to a path, in one line."""
    reason = _FULL.get(error.errno or 0)
    if reason is not None:
        return DiskError(f"{reason}, while writing {path}; what was finished is kept: make room")
    if isinstance(error, FileNotFoundError):
        return GoneError(f"{path} cannot be written: its folder is gone")
    return DiskError(f"cannot write {path} ({error.strerror or error}); what was finished is kept")


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Write to a path; raises DiskError when the system does not let it."""
    try:
        yield
    except OSError as error:
        raise unwritten(path, error) from None


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """ "; did you mean 'x'?", or the choices when none is near."""
    known = sorted(choices)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; there are: {', '.join(known)}" if known else ""
