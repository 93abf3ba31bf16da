"""What httpx2 tells of a request on its way: when it had a connection, and when it was written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from harness.openai_adapter.trace import Recording


def wire(recording: Recording, clock: Callable[[], float]) -> Callable[[str, Mapping[str, Any]], Awaitable[None]]:
    """The `trace` extension of a request, which writes instants of `clock` in seconds into its recording."""

    async def told(event: str, _: Mapping[str, Any]) -> None:
        # Headers are written as soon as there is a connection, fresh or from the pool.
        if event.endswith("send_request_headers.started"):
            recording.connected = clock()
        elif event.endswith("send_request_body.complete"):
            recording.written = clock()

    return told
