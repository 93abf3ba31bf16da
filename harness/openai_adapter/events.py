"""What the bytes of a streamed answer say, read as they come: content, finish reasons, an error."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from typing import NamedTuple

#: What can be read here; a client that wants its streams read asks for no other encoding.
ENCODINGS = "gzip, deflate"


class Dialect(NamedTuple):
    """How a route's events look.

    `content` finds values that a reader would see: a role, an empty delta or null does not count. Inside a JSON string
    the quotes around these names would be escaped, so text that talks about them does not match. `finish` captures why
    the answer ended; of [DONE] it captures nothing. `names_errors` is for routes where an event's type can be "error".
    """

    content: re.Pattern[bytes]
    finish: re.Pattern[bytes]
    names_errors: bool = False


_FINISH = re.compile(rb'"finish_reason"\s*:\s*"([^"]+)"|^data:\s*\[DONE\]', re.MULTILINE)
CHAT = Dialect(re.compile(rb'"(?:content|arguments|refusal)"\s*:\s*"(?!")'), _FINISH)
COMPLETIONS = Dialect(re.compile(rb'"text"\s*:\s*"(?!")'), _FINISH)
RESPONSES = Dialect(
    re.compile(rb'"delta"\s*:\s*"(?!")'),
    re.compile(rb'^data:.*"type"\s*:\s*"response\.(completed|incomplete|failed)"|^data:\s*\[DONE\]', re.MULTILINE),
    names_errors=True,
)


class EventReader:
    """Reads one stream of events; `headers` are the response's."""

    __slots__ = ("_dialect", "_tail", "_unpack", "contents", "finishes", "lines", "readable", "reports_error")

    def __init__(self, headers: Mapping[str, str], dialect: Dialect = CHAT) -> None:
        #: How many contents there were; for chat about a token each.
        self.contents = 0
        #: Why choices ended, in order; empty for [DONE].
        self.finishes: list[bytes] = []
        #: Whether one of the events was an error.
        self.reports_error = False
        #: The lines that became whole with the part that was read last.
        self.lines = b""
        #: False for what is no stream of events, and for encodings that cannot be read here.
        self.readable = headers.get("content-type", "").lower().startswith("text/event-stream")
        self._dialect = dialect
        self._tail = b""
        # The offset makes zlib tell gzip and deflate apart by their headers.
        packed = headers.get("content-encoding", "identity") != "identity"
        self._unpack = zlib.decompressobj(zlib.MAX_WBITS + 32) if packed else None

    def read(self, part: bytes) -> int:
        """Take in the next part, which may end anywhere; how many contents have become whole lines with it."""
        if not self.readable:
            return 0
        if self._unpack is not None:
            try:
                part = self._unpack.decompress(part)
            except zlib.error:
                self.readable = False
                return 0
        # Patterns are looked for in whole lines only.
        text = self._tail + part
        cut = text.rfind(b"\n") + 1
        if b"\r" in text:
            # Lines may end in any of three ways; within a text they would be escaped.
            cut = max(cut, text.rfind(b"\r") + 1)
        self._tail = text[cut:]
        return self._take(text[:cut])

    def finish(self) -> int:
        """Take in a last line without an end, as clients do; how many contents it has."""
        if not self.readable or not self._tail:
            return 0
        line, self._tail = self._tail, b""
        return self._take(line)

    def _take(self, lines: bytes) -> int:
        if b"\r" in lines:
            lines = lines.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        found = len(self._dialect.content.findall(lines))
        self.contents += found
        self.finishes += self._dialect.finish.findall(lines)
        self.lines = lines
        if b'"error"' in lines and _reports_error(lines, by_type=self._dialect.names_errors):
            self.reports_error = True
        return found


def is_broken(lines: bytes) -> bool:
    """Whether an event's data is neither a JSON object nor [DONE], on which clients fail as soon as they read it."""
    for line in lines.splitlines():
        data = line.removeprefix(b"data:").strip()
        if line.startswith(b"data:") and not data.startswith(b"[DONE]"):
            try:
                found = json.loads(data.decode())
            except ValueError:
                return True
            if not isinstance(found, dict):
                return True
    return False


def _reports_error(lines: bytes, *, by_type: bool) -> bool:
    """Whether an event is an error in the SDK's eyes: an object with an `error` at its top that is not empty."""
    for line in lines.splitlines():
        if line.startswith(b"data:") and b'"error"' in line:
            try:
                data = json.loads(line.removeprefix(b"data:"))
            except ValueError:
                continue
            if isinstance(data, dict) and (data.get("error") or (by_type and data.get("type") == "error")):
                return True
    return False
