"""The scene of every client, played by openai for Python: arguments are the base URL and that of a flaky server."""

import json
import sys

import openai

NAME = {"X-Harness-Request": "compat"}
HELLO = [{"role": "user", "content": "hi"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def client(url, **more):
    return openai.OpenAI(base_url=url, api_key="any", default_headers=NAME, **more)


def told(url):
    found = {"client": openai.__version__}
    create = client(url).chat.completions.create
    found["plain"] = create(model="m", messages=HELLO).choices[0].message.content
    chunks = [c.choices[0].delta.content for c in create(model="m", messages=HELLO, stream=True)]
    found["pieces"] = [chunk for chunk in chunks if chunk]
    call = create(model="m", messages=HELLO, tools=[TOOL]).choices[0].message.tool_calls[0]
    found["tool"] = [call.function.name, call.function.arguments]
    name, arguments = "", ""
    for chunk in create(model="m", messages=HELLO, tools=[TOOL], stream=True):
        for piece in chunk.choices[0].delta.tool_calls or []:
            name += piece.function.name or ""
            arguments += piece.function.arguments or ""
    found["streamed_tool"] = [name, arguments]
    counted = create(model="m", messages=HELLO, stream=True, stream_options={"include_usage": True})
    found["usage"] = [chunk.usage.completion_tokens for chunk in counted if chunk.usage]
    try:
        create(model="m", messages=HELLO, max_tokens=200_000)
    except openai.BadRequestError as error:
        found["error"] = [error.status_code, error.body["param"], error.body["code"]]
    return found


def other_routes(url):
    one = client(url)
    found = {"completion": one.completions.create(model="m", prompt="hi").choices[0].text}
    found["completion_pieces"] = [
        c.choices[0].text for c in one.completions.create(model="m", prompt="hi", stream=True)
    ]
    vectors = one.embeddings.create(model="m", input=["a", "b"], dimensions=8).data
    found["embeddings"] = [len(vector.embedding) for vector in vectors]
    found["models"] = "mock" in [model.id for model in one.models.list()]
    found["response"] = one.responses.create(model="m", input="hi").output_text
    events = list(one.responses.create(model="m", input="hi", stream=True))
    found["response_pieces"] = [e.delta for e in events if e.type == "response.output_text.delta"]
    found["response_events"] = [events[0].type, events[-1].type]
    tool = {"type": "function", **TOOL["function"], "strict": False}
    call = one.responses.create(model="m", input="hi", tools=[tool]).output[0]
    found["response_tool"] = [call.name, call.arguments]
    return found


def retried(url):
    answer = client(url, max_retries=1).chat.completions.create(model="m", messages=HELLO)
    try:
        client(url, max_retries=0, timeout=5).chat.completions.create(
            model="m", messages=HELLO, extra_headers={"X-Harness-Request": "once"}
        )
    except openai.InternalServerError as error:
        return [answer.choices[0].message.content, error.status_code]


if __name__ == "__main__":
    healthy, flaky = sys.argv[1:]
    print(json.dumps({**told(healthy), **other_routes(healthy), "retried": retried(flaky)}))
