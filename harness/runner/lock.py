"""One process at a time plays into a folder: two that append to the same records would spoil them."""

from __future__ import annotations

import contextlib
import errno
import os
import weakref
from collections import Counter

from harness.errors import UserError
from harness.storage import RunFolder

#: The folders that this process holds, by what the system calls them, with the descriptor that does; and how often.
_held: dict[tuple[int, int], int] = {}
_holders: Counter[tuple[int, int]] = Counter()


def hold(folder: RunFolder) -> None:
    """Keep the runs of other processes out of a folder for as long as this object lives, or this process.

    Where the system or its file system has no locks, nobody is kept out. Raises UserError when another run is there.
    """
    try:
        import fcntl
    except ImportError:
        return
    descriptor = os.open(folder.path, os.O_RDONLY)
    found = os.fstat(descriptor)
    key = found.st_dev, found.st_ino
    if key in _held:
        os.close(descriptor)
    else:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in {errno.EAGAIN, errno.EACCES}:
                raise UserError(
                    f"another run is under way in {folder.path}; wait for it (harness watch {folder.path}), or choose "
                    "another out="
                ) from None
            return
        _held[key] = descriptor
    _holders[key] += 1
    weakref.finalize(folder, _release, key)


def is_held(folder: RunFolder) -> bool | None:
    """Whether some process plays into a folder; None where the system or its file system has no locks."""
    try:
        import fcntl

        descriptor = os.open(folder.path, os.O_RDONLY)
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return True if error.errno in {errno.EAGAIN, errno.EACCES} else None
    finally:
        os.close(descriptor)
    return False


def _release(key: tuple[int, int]) -> None:
    _holders[key] -= 1
    if not _holders[key] and key in _held:
        os.close(_held.pop(key))


def _let_go() -> None:
    """A forked worker is not the run: the folder is free as soon as that is gone."""
    for descriptor in _held.values():
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
