"""Following the records that another process appends to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from harness.errors import UserError
from harness.progress import Progress, nobody
from harness.records import Outcome
from harness.storage import Parts

#: Records between two words on how much has been read.
_TOLD_EVERY = 500


class Tail:
    """Gives the outcomes that were appended since it was asked last."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._begin()

    def _begin(self) -> None:
        #: The part that is being read, and where the first of its lines begins that has not been given yet.
        self._part = 1
        self._offset = 0
        self._number = 0

    @property
    def changed(self) -> float:
        """When the records were written to last, as a time of day in seconds."""
        return self._parts.changed_ns / 1e9

    @property
    def was_replaced(self) -> bool:
        """Whether there is less than what was read: it is another run's, and reading begins anew."""
        with self._parts.open(self._part) as part:
            # Finished parts stay as they are; only the last one can have begun anew.
            size = part.file.seek(0, os.SEEK_END) if part.is_last else self._offset
            if self._part <= self._parts.finished() + 1 and size >= self._offset:
                return False
        self._begin()
        return True

    def outcomes(self, progress: Progress = nobody) -> Iterator[Outcome]:
        """Every whole line that is new; one that is half written waits until the rest of it has come.

        Raises UserError, with the line's number, for a line that is not a record of this schema.
        """
        size, before = self._parts.size, 0
        while True:
            with self._parts.open(self._part) as part:
                part.file.seek(self._offset)
                for line in part.lines():
                    if not line.endswith(b"\n"):
                        return
                    self._offset += len(line)
                    self._number += 1
                    if not self._number % _TOLD_EVERY:
                        progress(min(1.0, (before + part.raw.tell()) / size))
                    yield _outcome(line, part.path, self._number)
                if part.is_last:
                    return
                before += part.raw.tell()
            self._part, self._offset, self._number = self._part + 1, 0, 0


def _outcome(line: bytes, path: Path, number: int) -> Outcome:
    try:
        return Outcome.from_dict(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"{path}, line {number}: not a record that this version reads; restore the file, or use the version of the "
            "harness that wrote it"
        ) from None
