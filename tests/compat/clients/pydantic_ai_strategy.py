"""Pydantic AI over an HTTP client that plays a strategy. The server at the URL hangs at the first attempt."""

import asyncio
import json
import sys

from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

import harness
from harness.strategies.restarts import Restart


async def told(url):
    client = AsyncOpenAI(
        base_url=url, api_key="any", max_retries=0, http_client=harness.http_client(Restart("soon", timeout=0.5))
    )
    agent = Agent(OpenAIChatModel("m", provider=OpenAIProvider(openai_client=client)))

    def named(name):
        return {"extra_headers": {"X-Harness-Request": name}}

    plain = (await agent.run("hi", model_settings=named("plain"))).output
    async with agent.run_stream("hi", model_settings=named("streamed")) as result:
        pieces = [piece async for piece in result.stream_text(delta=True, debounce_by=None) if piece]
    await client.close()
    return {"plain": plain, "pieces": pieces}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(told(sys.argv[1]))))
