"""Which core a program runs on, so that a server and its load do not share one."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator


def pinned(command: list[str], core: int) -> list[str]:
    """The command on one core, where the system can say so and has it."""
    if shutil.which("taskset") is None or (os.cpu_count() or 1) <= core:
        return command
    return ["taskset", "-c", str(core), *command]


@contextlib.contextmanager
def away_from(core: int) -> Iterator[None]:
    """This process leaves a core to others, where the system can say so and there is another."""
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0) - {core}) == 0:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before - {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
