"""Replay LLM batches under a matrix of client settings, measure every attempt, and compare the tails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.llm import Llm as Llm
    from harness.transport import http_client as http_client

__version__ = "0.1.0"
__all__ = ["Llm", "__version__", "http_client"]


def __getattr__(name: str) -> Any:
    # Importing the SDK takes 0.4 s, which a command that only prints help need not pay.
    if name == "Llm":
        from harness.llm import Llm

        return Llm
    if name == "http_client":
        from harness.transport import http_client

        return http_client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
