"""Limits per minute, and the headers that tell a client about them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from harness.profiles.load import Load
from harness.scripts import Reply, decimal
from harness.wire import Header

# What an account without limits shows: clients that read these headers find them.
_PLENTY: tuple[Header, ...] = (
    (b"x-ratelimit-limit-requests", b"10000"),
    (b"x-ratelimit-limit-tokens", b"2000000"),
    (b"x-ratelimit-remaining-requests", b"9999"),
    (b"x-ratelimit-remaining-tokens", b"1999999"),
    (b"x-ratelimit-reset-requests", b"6ms"),
    (b"x-ratelimit-reset-tokens", b"0s"),
)


class Bucket:
    """A token bucket: `per_minute` flow in, at most `burst_s` seconds' worth are held. It starts full."""

    def __init__(self, per_minute: float, burst_s: float, now: float) -> None:
        self.per_second = per_minute / 60
        self.size = self.per_second * burst_s
        self._level = self.size
        self._at = now

    def level(self, now: float) -> float:
        """What it holds."""
        return min(self.size, self._level + (now - self._at) * self.per_second)

    def wait_s(self, amount: float, now: float) -> float:
        """Seconds until an amount can be taken; more than the bucket can hold waits until it is full."""
        missing = min(amount, self.size) - self.level(now)
        # A client that waits exactly as long as it was told must not find a rounding error missing.
        return missing / self.per_second if missing > 1e-9 * self.size else 0.0

    def take(self, amount: float, now: float) -> None:
        """Take an amount that is there; of one that never fits, all there is."""
        self._level, self._at = max(0.0, self.level(now) - amount), now

    def reset_s(self, now: float) -> float:
        """Seconds until it is full."""
        return (self.size - self.level(now)) / self.per_second


class Limits:
    """The requests and tokens per minute of a server."""

    def __init__(self, load: Load, now: float) -> None:
        rates = {"requests": load.requests_per_minute, "tokens": load.tokens_per_minute}
        self._per_minute = {name: rate for name, rate in rates.items() if rate is not None}
        self._buckets = {name: Bucket(rate, load.burst_s, now) for name, rate in self._per_minute.items()}

    def refusal(self, tokens: int, now: float) -> Reply | None:
        """Take what a request of so many tokens needs; a 429 when it is not there, with the time to wait for it."""
        if not self._buckets:
            return None
        amounts = {"requests": 1.0, "tokens": float(tokens)}
        waits = {name: bucket.wait_s(amounts[name], now) for name, bucket in self._buckets.items()}
        name = max(waits, key=lambda kind: waits[kind])
        if waits[name] <= 0:
            for kind, bucket in self._buckets.items():
                bucket.take(amounts[kind], now)
            return None
        text = (
            f"Rate limit reached on {name} per min: Limit {decimal(self._per_minute[name])}, "
            f"Requested {decimal(amounts[name])}. "
            f"Please try again in {_duration(waits[name])}."
        )
        error = {"message": text, "type": name, "param": None, "code": "rate_limit_exceeded"}
        after = (("retry-after-ms", f"{waits[name] * 1000:.6f}"), ("retry-after", f"{waits[name]:.9f}"))
        return Reply(429, json.dumps({"error": error}).encode(), headers=after)

    def headers(self, now: float) -> Sequence[Header]:
        """What is left of each limit, in OpenAI's headers."""
        if not self._buckets:
            return _PLENTY
        found: list[Header] = []
        for name, bucket in self._buckets.items():
            values = {
                "limit": decimal(self._per_minute[name]),
                "remaining": str(int(bucket.level(now))),
                "reset": _duration(bucket.reset_s(now)),
            }
            found += [(f"x-ratelimit-{what}-{name}".encode(), value.encode()) for what, value in values.items()]
        return found


def _duration(seconds: float) -> str:
    """As OpenAI writes it: 6ms, 1.2s, 1m2.5s."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f}m{round(rest, 3):g}s" if minutes else f"{round(rest, 3):g}s"
