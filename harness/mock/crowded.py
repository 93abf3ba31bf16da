"""What a server says when the system lets it open no more files: one line, however many connections wait."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import Any

_FULL = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Crowded:
    """The exception handler of a server's loop.

    asyncio complains whenever it cannot accept, tries again by itself each second, and goes on to try where the server
    has stopped to listen meanwhile, with a ValueError.
    """

    def __init__(self, tell: Callable[[str], None], limit: int | None) -> None:
        self._tell = tell
        self._limit = limit
        self._told = False

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take in what went wrong in the loop."""
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in _FULL and "accept" in context.get("message", ""):
            if not self._told:
                self._told = True
                allowed = "" if self._limit is None else f" (this system allows {self._limit:,})"
                self._tell(
                    f"warning: no more files can be opened{allowed}: new connections wait until others end; "
                    "raise the limit with ulimit -n before the start"
                )
        elif not (isinstance(error, ValueError) and "_start_serving" in context.get("message", "")):
            loop.default_exception_handler(context)
