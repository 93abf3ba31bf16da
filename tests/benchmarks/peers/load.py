"""What every client is asked to do, and what is read from each afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

#: The server: its first token, so many tokens, and the time from one to the next, in seconds.
FIRST_S, TOKENS, BETWEEN_S = 0.5, 16, 0.02
ANSWER_S = FIRST_S + (TOKENS - 1) * BETWEEN_S


def server_words(first_s: float, tokens: int, between_s: float) -> tuple[str, ...]:
    """Words of `harness serve` and of `harness run` for answers like that."""
    return (
        "profile=instant",
        f"profile.first_content={{kind: constant, value: {first_s}}}",
        f"profile.between_tokens={{kind: constant, value: {between_s}}}",
        f"profile.output_tokens={tokens}",
    )


SERVER_WORDS = server_words(FIRST_S, TOKENS, BETWEEN_S)


@dataclass(frozen=True)
class Load:
    """So many requests, of which so many are under way at any time."""

    in_flight: int
    requests: int

    @property
    def ideal_s(self) -> float:
        """Seconds of a client that costs nothing: full waves, one after the other."""
        return -(-self.requests // self.in_flight) * ANSWER_S

    @property
    def ideal_per_s(self) -> float:
        """Requests a second of such a client."""
        return self.requests / self.ideal_s


LOADS = (Load(100, 1000), Load(1000, 3000))


@dataclass(frozen=True)
class Reading:
    """What a client says of its own run; times in seconds, None is what it does not tell.

    `latency_mean_s` is of whole answers. `wire` is from when the request was written, as far as the client knows it.
    """

    answered: int
    requests_per_s: float
    latency_mean_s: float
    ttft_p50_s: float
    ttft_p99_s: float
    wire_p50_s: float | None = None
    wire_p99_s: float | None = None

    @property
    def in_flight(self) -> float:
        """How many were really under way on average, by Little's law."""
        return self.requests_per_s * self.latency_mean_s


class Client(Protocol):
    """A program that puts a load on a server. `name` is its row in the table."""

    name: str

    def ready(self) -> None:
        """Install what it needs; skips where that cannot be had."""

    def command(self, url: str, load: Load, out: Path) -> list[str]:
        """What is called; `url` is the server's, without a path, and `out` a folder that does not exist yet."""

    def environment(self) -> Mapping[str, str]:
        """Variables beside those of the machine."""

    def read(self, out: Path) -> Reading:
        """What it has written into its folder."""

    def versions(self) -> dict[str, str]:
        """What was measured."""


def quantile(values: list[float], share: float) -> float:
    """The smallest value that so large a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(seconds: Any) -> float | None:
    """Seconds as milliseconds; None stays None."""
    return None if seconds is None else 1000 * float(seconds)
