"""LangChain over an HTTP client that plays a strategy. The server at the URL hangs at the first attempt."""

import asyncio
import json
import sys

from langchain_openai import ChatOpenAI

import harness
from harness.strategies.restarts import Restart


async def told(url):
    client = harness.http_client(Restart("soon", timeout=0.5, fresh_connection=True))

    def model(name):
        headers = {"X-Harness-Request": name}
        return ChatOpenAI(
            model="m", base_url=url, api_key="any", default_headers=headers, max_retries=0, http_async_client=client
        )

    plain = (await model("plain").ainvoke("hi")).content
    pieces = [chunk.content async for chunk in model("streamed").astream("hi") if chunk.content]
    await client.aclose()
    return {"plain": plain, "pieces": pieces}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(told(sys.argv[1]))))
