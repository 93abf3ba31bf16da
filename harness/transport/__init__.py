"""Strategies for any code that uses the openai SDK: an HTTP client that plays its requests."""

from harness.transport.client import http_client
from harness.transport.strategy import StrategyTransport

__all__ = ["StrategyTransport", "http_client"]
