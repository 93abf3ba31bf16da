"""When the SDK would ask again, and after how long, for those that decide about it themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_RETRIED = {408, 409, 429}


def worth_retrying(status: int, headers: Mapping[str, str], code: str | None = None) -> bool:
    """Whether asking again makes sense after an HTTP error, by the SDK's rules; but an empty account stays empty."""
    if code == "insufficient_quota":
        return False
    said = headers.get("x-should-retry")
    if said in {"true", "false"}:
        return said == "true"
    return status in _RETRIED or status >= 500


def retry_after_of(headers: httpx2.Headers, client: AsyncOpenAI) -> float | None:
    """Seconds that the server asks to wait, read as the SDK does; None when it does not say, or nonsense."""
    seconds = client._parse_retry_after_header(headers)
    return None if seconds is None or not 0 < seconds < float("inf") else seconds
