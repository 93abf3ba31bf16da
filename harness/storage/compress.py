"""Compress a finished part of the records: also a script, so that it needs no more than Python itself.

At every instant the part is there, plain or compressed or both: a crash loses nothing, and who compresses again after
one ends with the same.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sys
from pathlib import Path

#: Bytes that are compressed at a time.
_PIECE = 1 << 20


def compress(plain: Path) -> None:
    """Replace a file by `<name>.gz`, which keeps the time at which the file was written to last."""
    whole = plain.with_name(plain.name + ".gz")
    # A name of its own: a compressor whose run was killed may still be at work beside that of the run resumed.
    partial = plain.with_name(f".{whole.name}.{os.getpid()}.partial")
    with plain.open("rb") as source, partial.open("wb") as file:
        # Without name and time in its header, equal records are equal bytes.
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
            shutil.copyfileobj(source, packed, _PIECE)
        file.flush()
        os.fsync(file.fileno())
        written = os.fstat(source.fileno())
    os.utime(partial, ns=(written.st_atime_ns, written.st_mtime_ns))
    partial.replace(whole)
    plain.unlink(missing_ok=True)


if __name__ == "__main__":
    # Whoever measures has precedence.
    os.nice(19)
    compress(Path(sys.argv[1]))
