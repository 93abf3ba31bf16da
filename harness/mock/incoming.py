"""A request on its way in, and how much of one there may be."""

from __future__ import annotations

from harness.mock.request import MAX_BODY, ApiError, too_large
from harness.wire import HttpRequest

MAX_HEAD = 64 * 2**10
#: Bytes of a whole request: chunks of a single byte have six of their own.
MOST_RECEIVED = MAX_HEAD + 8 * MAX_BODY


class Incoming:
    """What has come of one request. Whatever is too much of it is an ApiError, returned and not raised: parsers hide
    what their callbacks raise.
    """

    __slots__ = ("_head_size", "_parts", "_received", "_url", "headers", "partial", "size", "whole_head")

    def __init__(self, *, partial: bool = False) -> None:
        self.headers: dict[bytes, bytes] = {}
        #: Bytes of its body.
        self.size = 0
        #: Whether it has begun and is not whole.
        self.partial = partial
        self.whole_head = False
        self._url = b""
        self._parts: list[bytes] = []
        self._head_size = self._received = 0

    def add_url(self, url: bytes) -> ApiError | None:
        """A part of its target."""
        self._url += url
        self._head_size += len(url)
        return _head_too_large() if self._head_size > MAX_HEAD else None

    def add_header(self, name: bytes, value: bytes) -> ApiError | None:
        """One header, or a trailer behind a body in chunks, which says nothing here."""
        if not self.whole_head:
            self.headers[name.lower()] = value
        # What is neither body nor punctuation is counted, since all of it may come in one read.
        self._head_size += len(name) + len(value)
        return _head_too_large() if self._head_size > MAX_HEAD else None

    def add_body(self, body: bytes) -> ApiError | None:
        """A part of its body."""
        self._parts.append(body)
        self.size += len(body)
        return too_large() if self.size > MAX_BODY else None

    def read(self, size: int) -> ApiError | None:
        """So many bytes of it were read; the parser may still hold any of them, as a header, say, or a trailer."""
        self._received += size
        if not self.whole_head:
            return _head_too_large() if self._received > MAX_HEAD else None
        return too_large() if self._received > MOST_RECEIVED else None

    def request(self, method: bytes) -> HttpRequest:
        """The whole of it."""
        path = self._url.partition(b"?")[0].decode("latin-1")
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        return HttpRequest(method.decode(), path, self.headers, body)


def _head_too_large() -> ApiError:
    return ApiError(431, f"The headers are larger than {MAX_HEAD} bytes.", code="headers_too_large")
