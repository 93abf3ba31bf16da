"""What httpx2 tells of a request on its way: when it left the pool's queue, was connected, written, answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from harness.openai_adapter.trace import Recording


def wire(recording: Recording, clock: Callable[[], float]) -> Callable[[str, Mapping[str, Any]], Awaitable[None]]:
    """The `trace` extension of a request, which writes instants of `clock` in seconds into its recording."""

    async def told(event: str, _: Mapping[str, Any]) -> None:
        name = event.partition(".")[2]
        if name == "connect_tcp.started":
            recording.admitted = clock()
        elif name == "send_request_headers.started":
            # Headers are written as soon as there is a connection, fresh or from the pool.
            recording.connected = clock()
            if recording.admitted is None:
                recording.admitted = recording.connected
        elif name == "send_request_body.complete":
            recording.written = clock()
        elif name == "receive_response_headers.complete":
            recording.first_byte = clock()

    return told
