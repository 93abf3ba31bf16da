"""When the SDK would ask again, and after how long, for those that decide about it themselves."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from email.utils import mktime_tz, parsedate_tz

from harness.clock import wall_time

_RETRIED = {408, 409, 429}


def worth_retrying(status: int, headers: Mapping[str, str], code: str | None = None) -> bool:
    """Whether asking again makes sense after an HTTP error, by the SDK's rules; but an empty account stays empty."""
    if code == "insufficient_quota":
        return False
    said = headers.get("x-should-retry")
    if said in {"true", "false"}:
        return said == "true"
    return status in _RETRIED or status >= 500


def seconds_to_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait, read as the SDK does; None when it does not say, or nonsense."""
    for name, divisor in (("retry-after-ms", 1000), ("retry-after", 1)):
        with suppress(KeyError, ValueError):
            seconds = float(headers[name]) / divisor
            break
    else:
        try:
            date = parsedate_tz(headers.get("retry-after"))
            seconds = 0.0 if date is None else mktime_tz(date) - wall_time()
        except (TypeError, ValueError, OverflowError):
            return None
    return seconds if 0 < seconds < float("inf") else None
