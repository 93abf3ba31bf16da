"""Requests without a name: numbered as they arrive, with the retries of the SDK told from new requests."""

from __future__ import annotations

from collections.abc import Mapping

RETRY_COUNT = b"x-stainless-retry-count"
#: Requests whose retries are waited for; the oldest are forgotten.
_KEPT = 10_000


class Unnamed:
    """Gives each request its number, and each attempt of it its own.

    The SDK says how many retries came before, but not of what: a retry belongs to the latest request with the same body
    that is due for just that retry.
    """

    def __init__(self) -> None:
        self.next = 0
        # Few are ever retried, so their bodies are told apart by hash only.
        self._due: dict[tuple[int, int], list[str]] = {}

    def arrived(self, headers: Mapping[bytes, bytes], body: bytes) -> tuple[str, int]:
        """Name and attempt number of a request that has come."""
        text = headers.get(RETRY_COUNT)
        if text is None or not text.isdigit() or len(text) > 9:
            return self._number(), 1
        retries, digest = int(text), hash(body)
        due = self._due.get((digest, retries))
        key = due.pop() if due else self._number()
        if due is not None and not due:
            del self._due[digest, retries]
        if len(self._due) >= _KEPT:
            del self._due[next(iter(self._due))]
        self._due.setdefault((digest, retries + 1), []).append(key)
        return key, retries + 1

    def _number(self) -> str:
        self.next += 1
        return str(self.next - 1)
