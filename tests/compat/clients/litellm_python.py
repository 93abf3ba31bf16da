"""The scene of every client, played by LiteLLM."""

import json
import os
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from openai_python import HELLO, NAME, TOOL


def ask(url, **more):
    more = {"extra_headers": NAME, **more}
    return litellm.completion(model="openai/m", messages=HELLO, api_base=url, api_key="any", **more)


def told(url):
    found = {"plain": ask(url).choices[0].message.content}
    pieces = [chunk.choices[0].delta.content for chunk in ask(url, stream=True)]
    found["pieces"] = [piece for piece in pieces if piece]
    call = ask(url, tools=[TOOL]).choices[0].message.tool_calls[0]
    found["tool"] = [call.function.name, call.function.arguments]
    name, arguments = "", ""
    for chunk in ask(url, tools=[TOOL], stream=True):
        for piece in chunk.choices[0].delta.tool_calls or []:
            name += piece.function.name or ""
            arguments += piece.function.arguments or ""
    found["streamed_tool"] = [name, arguments]
    counted = [getattr(chunk, "usage", None) for chunk in ask(url, stream=True, stream_options={"include_usage": True})]
    found["usage"] = [usage.completion_tokens for usage in counted if usage]
    try:
        ask(url, max_tokens=200_000)
    except litellm.BadRequestError as error:
        found["error"] = [error.status_code, error.body["param"], error.body["code"]]
    vectors = litellm.embedding(
        model="openai/text-embedding-3-small", input=["a", "b"], dimensions=8, api_base=url, api_key="any"
    ).data
    found["embeddings"] = [len(vector["embedding"]) for vector in vectors]
    return found


def retried(url):
    answer = ask(url, max_retries=1).choices[0].message.content
    try:
        ask(url, max_retries=0, extra_headers={"X-Harness-Request": "once"})
    except litellm.InternalServerError as error:
        return [answer, error.status_code]


if __name__ == "__main__":
    healthy, flaky = sys.argv[1:]
    print(json.dumps({**told(healthy), "retried": retried(flaky)}))
