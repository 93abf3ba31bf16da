"""What can go wrong with virtual time.

ClockError (a RuntimeError)
├── Deadlock         nothing can run and no timer is set
├── Livelock         callbacks run for ever while the clock stands still
├── ForeignThread    another thread used the loop without its thread-safe entrance
└── NotSimulated     something that exists on real sockets only was asked for
"""

# ruff: noqa: N818  # "Deadlock" and "Livelock" are the words of the field; an Error at the end would add nothing

from __future__ import annotations


class ClockError(RuntimeError):
    """Virtual time cannot go on."""


class Deadlock(ClockError):
    """Every task waits for something that nothing is left to bring."""


class Livelock(ClockError):
    """Callbacks are always ready, so the clock never gets to move."""


class ForeignThread(ClockError):
    """A thread other than the loop's own scheduled a callback without `call_soon_threadsafe`."""


class NotSimulated(ClockError):
    """A feature of the operating system that has no counterpart in memory (TLS, Unix sockets, file descriptors)."""
