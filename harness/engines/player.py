"""A process that plays tasks for a worker of Dask: `python -m harness.engines.player`, in the folder of what was sent.

It reads what plays and then task after task from its standard input, each pickled behind its length in eight bytes, and
answers each with a letter and a pickle in the same manner; it ends with its input. A worker's own process may have any
number of threads, and modules of another run: here there is one of each.
"""

from __future__ import annotations

import os
import pickle
import sys
from typing import IO, Any

from harness.engines.frames import DONE, FAILED, LACKS, read, write


def main() -> None:
    """Answer until there is nothing more to answer."""
    # What is printed meanwhile is no answer.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        serve(sys.stdin.buffer, answers)


def serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    """Play what is asked for. The first thing that is read is what plays."""
    play = None
    pickled = read(asked)
    while (task := read(asked)) is not None:
        try:
            play = play or pickle.loads(pickled or b"")  # noqa: S301 - it comes from the run that sent this code
            kind, answer = DONE, play(pickle.loads(task))  # noqa: S301
        except ImportError as error:
            kind, answer = LACKS, error.name or str(error)
        except Exception as error:
            kind, answer = FAILED, error
        write(answers, kind + _pickled(answer))


def _pickled(answer: Any) -> bytes:
    return pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    main()
