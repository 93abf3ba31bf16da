"""Signals that end a command, as Ctrl-C does: what was finished is kept, and the exit code says which it was."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
#: What CI and service managers send, and what is left of a terminal that was closed.
_NAMES = ("SIGTERM", "SIGHUP")


class Ending:
    """Hands signals on as if Ctrl-C had been pressed, and remembers which it was."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._process = os.getpid()
        # A terminal that has gone no longer says that it was one.
        self._terminals = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]

    def exit_code(self, code: int) -> int:
        """128 + the number of the signal where that, not Ctrl-C, interrupted the command; else the code itself."""
        return 128 + self._number if code == INTERRUPTED and self._number is not None else code

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Do what Ctrl-C would do now."""
        if os.getpid() != self._process:
            # A forked worker, which its parent ends with this very signal.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
            return
        self._number = number
        if number == getattr(signal, "SIGHUP", None):
            self._leave_terminal()
        on_ctrl_c = signal.getsignal(signal.SIGINT)
        if callable(on_ctrl_c):
            on_ctrl_c(signal.SIGINT, frame)
            return
        # Background jobs ignore Ctrl-C, and end all the same: between two steps of a loop, where there is one, for
        # whatever task was at work would be blamed.
        asyncio = sys.modules.get("asyncio")
        loop = asyncio._get_running_loop() if asyncio is not None else None
        if loop is None:
            _interrupt()
        else:
            loop.call_soon_threadsafe(_interrupt)

    def _leave_terminal(self) -> None:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in self._terminals:
            os.dup2(nowhere, descriptor)
        os.close(nowhere)


def _interrupt() -> None:
    raise KeyboardInterrupt


@contextmanager
def ending() -> Iterator[Ending]:
    """Let the signals of the system end what goes on inside as Ctrl-C would; those that are ignored stay so."""
    ours = Ending()
    known = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    numbers = [number for number in known if signal.getsignal(number) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    for number in numbers:
        signal.signal(number, ours)
    try:
        yield ours
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
