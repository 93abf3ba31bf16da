"""The least that a client in Python does: the openai SDK, a clock around each call, and nothing else.

    python raw_sdk.py URL TRANSPORT IN_FLIGHT REQUESTS FILE

Writes JSON: the seconds from first call to last answer, and per request [call, first content, end] from the first call.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from openai import AsyncOpenAI, DefaultAioHttpClient, DefaultAsyncHttpxClient

CLIENTS = {"httpx2": DefaultAsyncHttpxClient, "aiohttp": DefaultAioHttpClient}


async def main(url: str, transport: str, in_flight: int, requests: int) -> list[list[float]]:
    """So many requests, each begun as soon as one of those under way has ended."""
    numbers = iter(range(requests))
    times: list[list[float]] = []
    async with AsyncOpenAI(base_url=url, api_key="any", http_client=CLIENTS[transport]()) as client:

        async def ask() -> None:
            call, first = time.perf_counter(), 0.0
            stream = await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "Write 16 random tokens"}], max_tokens=16, stream=True
            )
            async for chunk in stream:
                if not first and chunk.choices and chunk.choices[0].delta.content:
                    first = time.perf_counter()
            times.append([call, first, time.perf_counter()])

        async def one_after_the_other() -> None:
            for _ in numbers:
                await ask()

        await asyncio.gather(*(one_after_the_other() for _ in range(in_flight)))
    return times


if __name__ == "__main__":
    _, base, name, width, count, out = sys.argv
    found = asyncio.run(main(base, name, int(width), int(count)))
    begun = min(call for call, _, _ in found)
    Path(out).write_text(json.dumps([[round(value - begun, 6) for value in row] for row in found]))
