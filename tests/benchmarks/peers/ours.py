"""This harness, and the SDK alone as the floor below it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pandas as pd

from tests.benchmarks.peers.load import TOKENS, Load, Reading, quantile

#: The call of the SDK is what is compared: its retries would only be seen where something failed.
_WORDS = (
    "clock=real", "target=openai", "strategy=sdk_default", "strategy.stream=true", "strategy.dispatch=window",
    "workload.batches=1", f"workload.max_tokens={TOKENS}", "report=false", "budget.max_requests=1000000",
)  # fmt: skip
_PACKAGES = ("openai", "httpx2", "aiohttp", "uvloop")


def installed() -> dict[str, str]:
    """What both run on, as far as it is there."""
    present = {distribution.name for distribution in metadata.distributions()}
    return {name: metadata.version(name) for name in _PACKAGES if name in present}


@dataclass(frozen=True)
class Harness:
    """`harness run` with some words of its own."""

    name: str
    words: tuple[str, ...]

    def ready(self) -> None:
        """It is what these tests run in."""

    def command(self, url: str, load: Load, out: Path) -> list[str]:
        """A window of so many in flight; the records and the summary are written, a report is not."""
        size = (f"strategy.in_flight={load.in_flight}", f"workload.batch_size={load.requests}")
        place = (f"target.base_url={url}/v1", f"out={out}")
        return [sys.executable, "-m", "harness", "run", *_WORDS, *size, *place, *self.words]

    def environment(self) -> Mapping[str, str]:
        """A key, without which it would ask for one."""
        return {"OPENAI_API_KEY": "any"}

    def read(self, out: Path) -> Reading:
        """What its summary says."""
        (cell,) = json.loads((out / "summary.json").read_text())["cells"]
        assert cell["failed"] == 0, f"{cell['failed']} requests failed: {cell['failures']}"
        requests = pd.read_parquet(out / "requests.parquet", columns=["latency_s"])
        wire = cell.get("wire", {}).get("ttft_s", {})
        return Reading(
            answered=cell["requests"] - cell["failed"],
            requests_per_s=cell["requests"] / cell["total_s"]["mean"],
            latency_mean_s=float(requests["latency_s"].mean()),
            ttft_p50_s=cell["ttft_s"]["p50"],
            ttft_p99_s=cell["ttft_s"]["p99"],
            wire_p50_s=wire.get("p50"),
            wire_p99_s=wire.get("p99"),
        )

    def versions(self) -> dict[str, str]:
        """Its own and those of its libraries."""
        from harness import __version__

        return {"llm-tail-harness": __version__} | installed()


@dataclass(frozen=True)
class RawSdk:
    """The SDK and a clock around each call."""

    transport: str

    @property
    def name(self) -> str:
        """Its row in the table."""
        return f"openai SDK alone, {self.transport}"

    def ready(self) -> None:
        """As above."""

    def command(self, url: str, load: Load, out: Path) -> list[str]:
        """The script beside this file."""
        script = Path(__file__).with_name("raw_sdk.py")
        size = (str(load.in_flight), str(load.requests))
        return [sys.executable, str(script), f"{url}/v1", self.transport, *size, str(out)]

    def environment(self) -> Mapping[str, str]:
        """None is needed."""
        return {}

    def read(self, out: Path) -> Reading:
        """Its rows of call, first content and end."""
        rows = json.loads(out.read_text())
        assert all(first for _, first, _ in rows), "an answer without content"
        ttft = [first - call for call, first, _ in rows]
        return Reading(
            answered=len(rows),
            requests_per_s=len(rows) / max(end for *_, end in rows),
            latency_mean_s=sum(end - call for call, _, end in rows) / len(rows),
            ttft_p50_s=quantile(ttft, 0.5),
            ttft_p99_s=quantile(ttft, 0.99),
        )

    def versions(self) -> dict[str, str]:
        """Those of its libraries."""
        return installed()


#: A line each: what the table calls it, and its words.
HARNESSES = (
    Harness("this harness, httpx2", ("strategy.transport=httpx2",)),
    Harness("this harness, aiohttp", ("strategy.transport=aiohttp",)),
    Harness("this harness, asyncio", ("strategy.transport=asyncio",)),
    Harness("this harness, asyncio, processes", ("strategy.transport=asyncio", "engine=processes")),
)
FLOORS = (RawSdk("httpx2"), RawSdk("aiohttp"))
