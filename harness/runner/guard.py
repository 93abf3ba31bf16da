"""A server of the run's own that dies says nothing about strategies: the run stops, and what that broke is not kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from harness.errors import StoppedError
from harness.records import Outcome

#: Seconds between two looks at the server. Its connections break a moment before the system says that it is gone: what
#: failed is kept once two looks have found the server alive.
LOOK_S = 0.05


class Guard:
    """Keeps outcomes for as long as the server lives; `ended` says how it ended, and None while it is there."""

    def __init__(self, keep: Callable[[Outcome], None], ended: Callable[[], str | None]) -> None:
        self._keep = keep
        self._ended = ended
        #: What failed since the last look, and between the two before.
        self._new: list[Outcome] = []
        self._doubted: list[Outcome] = []

    def keep(self, outcome: Outcome) -> None:
        """Keep what was answered at once, and what failed as soon as that is known not to be the server's end."""
        if outcome.ok:
            self._keep(outcome)
        else:
            self._new.append(outcome)

    async def around(self, main: Callable[[], Awaitable[None]]) -> None:
        """Run `main` and look after the server beside it. Raises StoppedError when that is gone."""
        self._look()
        playing = asyncio.ensure_future(main())
        try:
            while not playing.done():
                await asyncio.wait({playing}, timeout=LOOK_S)
                self._look()
            while self._new or self._doubted:
                await asyncio.sleep(LOOK_S)
                self._look()
            playing.result()
        except asyncio.CancelledError:
            # Ctrl-C: what was finished is kept.
            while self._new or self._doubted:
                self._look()
            raise
        finally:
            if not playing.done():
                playing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await playing

    def _look(self) -> None:
        how = self._ended()
        if how is not None:
            raise StoppedError(f"the mock server died ({how}); what was finished before is kept")
        known, self._doubted, self._new = self._doubted, self._new, []
        for outcome in known:
            self._keep(outcome)
