"""aiperf and guidellm, with a tokenizer of their own so that nothing is fetched."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.benchmarks import programs
from tests.benchmarks.peers import tokenizer
from tests.benchmarks.peers.load import TOKENS, Load, Reading

#: Of a prompt, in tokens of that tokenizer.
PROMPT = 8


def _offline(environment: Path) -> dict[str, str]:
    return {"HF_HOME": str(_home(environment)), "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def _home(environment: Path) -> Path:
    return environment.parent / "tokenizer"


def _train(environment: Path) -> None:
    if not _home(environment).exists():
        script = Path(tokenizer.__file__)
        subprocess.run([str(environment / "python"), str(script), str(_home(environment))], check=True)


class Aiperf:
    """NVIDIA's load generator."""

    name = "aiperf"

    def ready(self) -> None:
        """An environment with a tokenizer in it."""
        _train(programs.aiperf())

    def command(self, url: str, load: Load, out: Path) -> list[str]:
        """A fixed number in flight; tokens as the server counts them."""
        words = (
            f"profile -m m --url {url} --endpoint-type chat --streaming --tokenizer {tokenizer.NAME} "
            f"--concurrency {load.in_flight} --request-count {load.requests} --use-server-token-count "
            f"--isl {PROMPT} --osl {TOKENS} --ui none --output-artifact-dir"
        )
        return [str(programs.aiperf() / "aiperf"), *words.split(), str(out)]

    def environment(self) -> Mapping[str, str]:
        """The tokenizer is looked for in its cache alone, which keeps everything on this machine."""
        return _offline(programs.aiperf())

    def read(self, out: Path) -> Reading:
        """Its exported averages and percentiles, in milliseconds."""
        found = json.loads((out / "profile_export_aiperf.json").read_text())
        assert not found.get("error_request_count"), found["error_summary"]
        ttft = found["time_to_first_token"]
        return Reading(
            answered=round(found["request_count"]["avg"]),
            requests_per_s=found["request_throughput"]["avg"],
            latency_mean_s=found["request_latency"]["avg"] / 1000,
            ttft_p50_s=ttft["p50"] / 1000,
            ttft_p99_s=ttft["p99"] / 1000,
        )

    def versions(self) -> dict[str, str]:
        """Its own."""
        return {"aiperf": programs.version(programs.aiperf(), "aiperf")}


class Guidellm:
    """The vLLM project's load generator."""

    name = "guidellm"

    def ready(self) -> None:
        """An environment with a tokenizer in it."""
        _train(programs.guidellm())

    def command(self, url: str, load: Load, out: Path) -> list[str]:
        """A fixed number of streams."""
        words = (
            f"run --backend kind=openai_http,target={url},model=m --profile kind=concurrent,streams={load.in_flight} "
            f"--constraint kind=max_requests,count={load.requests} --tokenizer kind=hf_auto,model={tokenizer.NAME} "
            f"--data kind=synthetic_text,prompt_tokens={PROMPT},output_tokens={TOKENS} --disable-progress --output"
        )
        return [str(programs.guidellm() / "guidellm"), *words.split(), f"kind=json,path={_json(out)}"]

    def environment(self) -> Mapping[str, str]:
        """The tokenizer is looked for in its cache alone."""
        return _offline(programs.guidellm())

    def read(self, out: Path) -> Reading:
        """The metrics of its one benchmark."""
        (found,) = json.loads(_json(out).read_text())["benchmarks"]
        metrics = found["metrics"]
        assert metrics["request_totals"]["errored"] == 0, metrics["request_totals"]
        ttft = metrics["time_to_first_token_ms"]["successful"]
        return Reading(
            answered=metrics["request_totals"]["successful"],
            requests_per_s=metrics["requests_per_second"]["successful"]["mean"],
            latency_mean_s=metrics["request_latency"]["successful"]["mean"],
            ttft_p50_s=ttft["percentiles"]["p50"] / 1000,
            ttft_p99_s=ttft["percentiles"]["p99"] / 1000,
        )

    def versions(self) -> dict[str, str]:
        """Its own."""
        return {"guidellm": programs.version(programs.guidellm(), "guidellm")}


def _json(out: Path) -> Path:
    """It tells the kind of a file by its name."""
    return out.with_suffix(".json")


PEERS = (Aiperf(), Guidellm())
