"""What the SDK hides of a stream: whether it was ended by [DONE], or just came to an end."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2

_DONE = re.compile(rb"[\r\n]data:\s*\[DONE\]")
#: More than the line can be long.
_TAIL = 32


class Ending(httpx2.AsyncByteStream):
    """Passes on the bytes of a body and looks for the line [DONE] in them; packed ones keep their secret."""

    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner
        #: Whether the line has come.
        self.done = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # A line may come in two parts; within the text of an answer its break would be escaped.
        tail = b"\n"
        async for part in self._inner:
            text = tail + part
            if b"[DONE]" in text and _DONE.search(text):
                self.done = True
            tail = text[-_TAIL:]
            yield part

    async def aclose(self) -> None:
        """Let go of the connection."""
        await self._inner.aclose()


def watched(stream: Any) -> Ending:
    """Watch the end of a stream of the SDK's that nobody has begun to read."""
    response: httpx2.Response = stream.response
    if not isinstance(response.stream, httpx2.AsyncByteStream):
        raise TypeError("an asynchronous client answers with an asynchronous stream")
    ending = Ending(response.stream)
    response.stream = ending
    return ending
