"""The SDK's other transport: aiohttp, as its extra of that name brings it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2

from harness.openai_adapter.trace import current_recording


def aiohttp_transport(
    limits: httpx2.Limits, tls: ssl.SSLContext, *, reuse: bool, proxies: bool
) -> httpx2.AsyncBaseTransport:
    """A transport with a pool of its own, which is opened with its first request and closed with its client.

    It keeps to `limits.max_connections`; without `reuse` each request has a connection of its own. With `proxies` those
    of the environment are used.
    """
    import aiohttp
    from openai._vendor.httpx_aiohttp.transport import AiohttpTransport

    def session() -> aiohttp.ClientSession:
        kept: dict[str, Any] = {"keepalive_timeout": limits.keepalive_expiry} if reuse else {"force_close": True}
        connector = aiohttp.TCPConnector(limit=limits.max_connections or 0, ssl=tls, **kept)
        return aiohttp.ClientSession(
            connector=connector, trust_env=proxies, cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[_traced()]
        )

    return AiohttpTransport(verify=tls, limits=limits, client=session)


def _traced() -> Any:
    """Tells the attempt of the current task when it is admitted, connected, written and answered."""
    import aiohttp

    config = aiohttp.TraceConfig()
    config.on_connection_queued_end.append(_told("admitted"))
    config.on_connection_create_start.append(_told("admitted"))
    config.on_connection_reuseconn.append(_told("admitted", "connected"))
    config.on_connection_create_end.append(_told("connected"))
    config.on_request_headers_sent.append(_told("written"))
    config.on_request_chunk_sent.append(_told("written"))
    config.on_request_end.append(_told("first_byte"))
    return config


def _told(*instants: str) -> Callable[..., Awaitable[None]]:
    """Writes down the present as instants of the attempt that the current task sends."""

    async def told(*_: Any) -> None:
        recording = current_recording.get()
        if recording is not None:
            for instant in instants:
                setattr(recording, instant, asyncio.get_running_loop().time())

    return told
