"""Bytes behind their length, between a worker of Dask and the process that plays for it.

This module and `dask_worker` are sent to workers that have nothing of the harness: they import nothing of it but each
other.
"""

from __future__ import annotations

from typing import IO

#: The letters before an answer: a result, an error that the task raised, the name of a module that is not there, and,
#: which no player says itself, how it died.
DONE, FAILED, LACKS, DIED = b"r", b"e", b"l", b"d"

#: Bytes of a length.
_LENGTH = 8


def write(stream: IO[bytes], content: bytes) -> None:
    """Send it."""
    stream.write(len(content).to_bytes(_LENGTH, "big") + content)
    stream.flush()


def read(stream: IO[bytes]) -> bytes | None:
    """The next, or None when there is no whole one any more."""
    length = stream.read(_LENGTH)
    if len(length) < _LENGTH:
        return None
    size = int.from_bytes(length, "big")
    content = stream.read(size)
    return content if len(content) == size else None
