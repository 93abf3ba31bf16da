"""uvloop's event loop with a clock that is fine enough to measure with."""

from __future__ import annotations

import time

import uvloop


class FastLoop(uvloop.Loop):
    """Takes half as long for each event as asyncio's own loop; its timers go by whole milliseconds."""

    def time(self) -> float:
        """Seconds of the monotonic clock, now; uvloop's own are whole milliseconds of when the loop last looked."""
        return time.monotonic()
