"""The scene of every client, played by LangChain's ChatOpenAI."""

import json
import sys

import openai
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openai_python import HELLO, NAME, TOOL


def model(url, **more):
    return ChatOpenAI(model="m", base_url=url, api_key="any", default_headers=NAME, **more)


def told(url):
    chat = model(url)
    found = {"plain": chat.invoke("hi").content}
    found["pieces"] = [chunk.content for chunk in chat.stream("hi") if chunk.content]
    bound = chat.bind_tools([TOOL])
    call = bound.invoke("hi").tool_calls[0]
    found["tool"] = [call["name"], json.dumps(call["args"])]
    whole = None
    for chunk in bound.stream("hi"):
        whole = chunk if whole is None else whole + chunk
    call = whole.tool_calls[0]
    found["streamed_tool"] = [call["name"], json.dumps(call["args"])]
    counted = [chunk.usage_metadata for chunk in model(url, stream_usage=True).stream("hi")]
    found["usage"] = [usage["output_tokens"] for usage in counted if usage and usage["output_tokens"]]
    try:
        model(url, max_tokens=200_000).invoke("hi")
    except openai.BadRequestError as error:
        found["error"] = [error.status_code, error.body["param"], error.body["code"]]
    embedder = OpenAIEmbeddings(
        model="text-embedding-3-small", base_url=url, api_key="any", dimensions=8, check_embedding_ctx_length=False
    )
    found["embeddings"] = [len(vector) for vector in embedder.embed_documents(["a", "b"])]
    return found


def retried(url):
    answer = model(url, max_retries=1).invoke("hi").content
    try:
        model(url, max_retries=0).invoke("hi", extra_headers={**NAME, "X-Harness-Request": "once"})
    except openai.InternalServerError as error:
        return [answer, error.status_code]


if __name__ == "__main__":
    healthy, flaky = sys.argv[1:]
    assert HELLO
    print(json.dumps({**told(healthy), "retried": retried(flaky)}))
