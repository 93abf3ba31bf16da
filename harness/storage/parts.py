"""The records of a run in order, whatever parts they lie in.

```
records-00001.jsonl.gz    finished, compressed
records-00002.jsonl       finished, being compressed, or left so by a crash
records.jsonl             the one that is appended to; of most runs the only one
```

A part is finished by renaming it. A crash may leave no `records.jsonl`, or a part both plain and compressed: both are
whole then, and either is read.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from subprocess import DEVNULL
from typing import BinaryIO

from harness.errors import UserError
from harness.storage import compress

RECORDS = "records.jsonl"
_FINISHED = re.compile(r"records-(\d{5,})\.jsonl(\.gz)?")
#: Bytes that are read at a time.
_PIECE = 1 << 20


@dataclass(frozen=True)
class Part:
    """A part that is open for reading, at its beginning; `raw` is the file as it lies on disk, compressed or not."""

    path: Path
    file: BinaryIO
    raw: BinaryIO
    is_last: bool

    def lines(self) -> Iterator[bytes]:
        """What is left of it, line by line; the last one of the last part may lack its end.

        Raises UserError where a compressed part is damaged.
        """
        try:
            yield from self.file
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise UserError(f"{self.path} is damaged; restore it, or unpack what is left of it with gzip") from None

    def __enter__(self) -> Part:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.raw.close()


class Parts:
    """The parts of one run folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.last = folder / RECORDS
        self._compressing: list[subprocess.Popen[bytes]] = []

    # -- reading

    @property
    def exist(self) -> bool:
        """Whether there are records at all, be they empty."""
        return self.last.is_file() or self.finished() > 0

    def finished(self) -> int:
        """How many parts are finished; they are numbered from 1. Raises UserError where one is missing."""
        numbers = self._numbers()
        last = max(numbers, default=0)
        for number in range(1, last + 1):
            if number not in numbers:
                raise UserError(f"{self._packed(number)} is missing: restore it, for it holds records of this run")
        return last

    @property
    def changed_ns(self) -> int:
        """When the records were written to last, in nanoseconds. Raises FileNotFoundError where there are none."""
        with suppress(FileNotFoundError):
            return self.last.stat().st_mtime_ns
        with self.open(max(1, self.finished())) as part:
            return os.fstat(part.raw.fileno()).st_mtime_ns

    @property
    def place(self) -> str:
        """Where the next record will be written: another one whenever there is one more, whatever the clocks say."""
        with suppress(FileNotFoundError):
            return f"{self.finished()}:{self.last.stat().st_size}"
        return f"{self.finished()}:0"

    @property
    def size(self) -> int:
        """Bytes of all parts as they lie on disk."""
        found = 0
        for path in (self.last, *map(self._plain, self._numbers()), *map(self._packed, self._numbers())):
            with suppress(FileNotFoundError):
                found += path.stat().st_size
        return found

    def open(self, number: int) -> Part:
        """A part by its number; the one after the finished ones is the last.

        A part that is finished, compressed and removed while it is read is read to its end all the same. Raises
        FileNotFoundError when there are no records.
        """
        # The last one first: if no more parts are finished once it is open, it is the one that was meant.
        with ExitStack() as stack:
            last = _opened(self.last)
            if last is not None:
                stack.enter_context(last)
            if number <= self.finished():
                return self._finished(number)
            stack.pop_all()
        if last is None and number == 1:
            raise FileNotFoundError(str(self.last))
        # There is none between finishing a part and beginning the next: a crash may have left it so.
        last = last or io.BytesIO()
        return Part(self.last, last, last, is_last=True)

    def all(self) -> Iterator[Part]:
        """Every part in order, each open until the next one is asked for."""
        for number in count(1):
            with self.open(number) as part:
                yield part
                if part.is_last:
                    return

    def _finished(self, number: int) -> Part:
        raw = _opened(self._plain(number))
        if raw is not None:
            return Part(self._plain(number), raw, raw, is_last=False)
        # Perhaps it was compressed and removed this very moment.
        raw = self._packed(number).open("rb")
        unpacked = io.BufferedReader(gzip.GzipFile(fileobj=raw), _PIECE)
        return Part(self._packed(number), unpacked, raw, is_last=False)

    # -- writing

    def rotate(self) -> None:
        """Finish the last part and have it compressed meanwhile; what is appended next begins another."""
        plain = self._plain(self.finished() + 1)
        self.last.rename(plain)
        self._compress(plain)

    def repair(self) -> None:
        """Cut off a last line that was interrupted, and finish what a crash has left half done."""
        for left in self.folder.glob(".*.partial"):
            left.unlink(missing_ok=True)
        for number in self._numbers():
            if self._plain(number).is_file():
                self._compress(self._plain(number))
        self.last.touch()
        with self.last.open("r+b") as file:
            file.truncate(_end_of_lines(file))

    def wait(self) -> None:
        """Until all that is finished has been compressed; a part that could not be stays as it is."""
        while self._compressing:
            self._compressing.pop().wait()

    def _compress(self, plain: Path) -> None:
        # A process of its own, so that it takes no time of the loop that measures; an interrupt is not for it.
        command = [sys.executable, str(compress.__file__), str(plain)]
        self._compressing = [process for process in self._compressing if process.poll() is None]
        with suppress(OSError):
            self._compressing.append(
                subprocess.Popen(  # noqa: S603 - this very package
                    command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
                )
            )

    def _numbers(self) -> set[int]:
        found = (_FINISHED.fullmatch(path.name) for path in self.folder.iterdir())
        return {int(match[1]) for match in found if match}

    def _plain(self, number: int) -> Path:
        return self.folder / f"records-{number:05d}.jsonl"

    def _packed(self, number: int) -> Path:
        return self.folder / f"records-{number:05d}.jsonl.gz"


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _end_of_lines(file: BinaryIO) -> int:
    """Where the last whole line ends."""
    end = file.seek(0, os.SEEK_END)
    while end:
        begin = max(0, end - _PIECE)
        file.seek(begin)
        newline = file.read(end - begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        end = begin
    return 0
