"""A server of the run's own that dies says nothing about strategies: the run stops, and what that broke is not kept."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable

from harness.errors import StoppedError
from harness.records import Outcome

#: Seconds between two looks at the server. Its connections break a moment before the system says that it is gone, so
#: what failed is kept when the server is found alive as long after it.
LOOK_S = 0.05


class Guard:
    """Keeps outcomes for as long as the server lives; `ended` says how it ended, and None while it is there.

    `ended` can be asked in the process that started the server alone.
    """

    def __init__(
        self,
        keep: Callable[[Outcome], None],
        ended: Callable[[], str | None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keep = keep
        self._ended = ended
        self._clock = clock
        self._doubted: deque[tuple[float, Outcome]] = deque()

    def keep(self, outcome: Outcome) -> None:
        """Keep what was answered at once, and what failed as soon as that is known not to be the server's end."""
        if outcome.ok:
            self._keep(outcome)
        else:
            self._doubted.append((self._clock(), outcome))

    def look(self, patience_s: float = LOOK_S) -> None:
        """Keep what failed so many seconds ago or more. Raises StoppedError when the server is gone."""
        how = self._ended()
        if how is not None:
            raise StoppedError(f"the mock server died ({how}); what was finished before is kept")
        before = self._clock() - patience_s
        while self._doubted and self._doubted[0][0] <= before:
            self._keep(self._doubted.popleft()[1])

    async def around(self, main: Callable[[], Awaitable[None]]) -> None:
        """Run `main` and look after the server beside it. Raises StoppedError when that is gone."""
        self.look()
        playing = asyncio.ensure_future(main())
        try:
            while not playing.done():
                await asyncio.wait({playing}, timeout=LOOK_S)
                self.look()
            if self._doubted:
                await asyncio.sleep(LOOK_S)
                self.look(0)
            playing.result()
        except asyncio.CancelledError:
            # Ctrl-C: what was finished is kept.
            self.look(0)
            raise
        finally:
            if not playing.done():
                playing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await playing

    def close(self) -> None:
        """The last look, after which nothing is in doubt; waits for it where something is."""
        if self._doubted:
            time.sleep(LOOK_S)
        self.look(0)
