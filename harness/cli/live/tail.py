"""Following a records file that another process appends to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from harness.errors import UserError
from harness.progress import Progress, nobody
from harness.records import Outcome

#: Bytes that are read at a time.
_PIECE = 1 << 20


class Tail:
    """Gives the outcomes that were appended since it was asked last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        #: Where the first line begins that has not been given yet.
        self._offset = 0
        self._number = 0

    @property
    def changed(self) -> float:
        """When the file was written to last, as a time of day in seconds."""
        return self._path.stat().st_mtime

    @property
    def was_replaced(self) -> bool:
        """Whether the file is shorter than what was read: it is another run's, and reading begins anew."""
        if self._path.stat().st_size >= self._offset:
            return False
        self._offset = self._number = 0
        return True

    def outcomes(self, progress: Progress = nobody) -> Iterator[Outcome]:
        """Every whole line that is new; one that is half written waits until the rest of it has come.

        Raises UserError, with the line's number, for a line that is not a record of this schema.
        """
        with self._path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(self._offset)
            while piece := file.read(_PIECE):
                end = piece.rfind(b"\n") + 1
                if not end:
                    if len(piece) < _PIECE:
                        return
                    # A line longer than a piece.
                    piece += file.readline()
                    end = len(piece) if piece.endswith(b"\n") else 0
                    if not end:
                        return
                for line in piece[:end].splitlines():
                    self._number += 1
                    yield self._outcome(line)
                self._offset += end
                file.seek(self._offset)
                progress(min(1.0, self._offset / size) if size else 1.0)

    def _outcome(self, line: bytes) -> Outcome:
        try:
            return Outcome.from_dict(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(
                f"{self._path}, line {self._number}: not a record that this version reads; restore the file, or use "
                "the version of the harness that wrote it"
            ) from None
