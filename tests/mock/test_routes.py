"""The routes beside chat, as the SDK itself reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2
import openai
import pytest

from harness import clock
from harness.mock.app import MockApp
from harness.openai_adapter import DirectTransport
from harness.profiles import Profile

T = TypeVar("T")
STEPS = {"name": "steps", "headers": 1.0, "first_content": 1.0, "between_tokens": 0.5, "end": 0.5, "output_tokens": 4}
WEATHER = {"type": "function", "name": "weather", "parameters": {"properties": {"city": {"type": "string"}}}}
NAMED = {"X-Harness-Request": "r"}


def play(scene: Callable[[openai.AsyncOpenAI], Awaitable[T]], **profile: Any) -> tuple[T, float]:
    """A scene with the SDK, and the seconds that it took."""
    app = MockApp(Profile.from_dict(STEPS | profile))

    async def main() -> tuple[T, float]:
        http = httpx2.AsyncClient(transport=DirectTransport(app))
        async with openai.AsyncOpenAI(base_url="http://m/v1", api_key="k", http_client=http, max_retries=0) as client:
            client._platform = "Linux"
            return await scene(client), asyncio.get_running_loop().time()

    return clock.run(main, clock="virtual")


def test_a_response_is_plain_or_streamed():
    """`client.responses`: the same text either way, at the same time, and typed events in order."""

    async def plain(client: openai.AsyncOpenAI) -> Any:
        return await client.responses.create(model="m", input="one two", extra_headers=NAMED)

    async def streamed(client: openai.AsyncOpenAI) -> Any:
        stream = await client.responses.create(model="m", input="one two", stream=True, extra_headers=NAMED)
        return [event async for event in stream]

    response, took = play(plain)
    events, took_streamed = play(streamed)
    assert (took, took_streamed) == (4.0, 4.0)
    assert len(response.output_text.split()) == 4
    assert (response.status, response.usage.input_tokens, response.usage.output_tokens) == ("completed", 2, 4)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == response.output_text
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == response.output_text


def test_a_response_can_be_cut_short():
    """`max_output_tokens` below the length: incomplete, and it says why."""

    async def scene(client: openai.AsyncOpenAI) -> Any:
        stream = await client.responses.create(model="m", input="hi", max_output_tokens=2, stream=True)
        return [event async for event in stream]

    events, _ = play(scene)
    assert events[-1].type == "response.incomplete"
    assert events[-1].response.incomplete_details.reason == "max_output_tokens"
    assert len(events[-1].response.output_text.split()) == 2


def test_a_response_calls_tools():
    """Arguments in fragments join to those of the plain answer."""

    async def scene(client: openai.AsyncOpenAI) -> Any:
        asked: Any = {"model": "m", "input": "hi", "tools": [WEATHER, {"type": "web_search"}], "extra_headers": NAMED}
        plain = await client.responses.create(**asked)
        async with client.responses.stream(**asked) as stream:
            events = [event async for event in stream]
        return plain, events, (await stream.get_final_response())

    (plain, events, final), _ = play(scene)
    (call,) = plain.output
    assert (call.type, call.name) == ("function_call", "weather")
    assert "".join(e.delta for e in events if e.type == "response.function_call_arguments.delta") == call.arguments
    assert final.output[0].arguments == call.arguments


@pytest.mark.parametrize("messages", [[{"role": "user", "content": "one two three"}], "one two three"])
def test_a_response_takes_text_or_messages(messages):
    """Three words are three tokens."""

    async def scene(client: openai.AsyncOpenAI) -> Any:
        return await client.responses.create(model="m", input=messages)

    assert play(scene)[0].usage.input_tokens == 3


def test_a_completion_is_plain_or_streamed():
    """`client.completions`: the route before chat."""

    async def scene(client: openai.AsyncOpenAI) -> Any:
        plain = await client.completions.create(model="m", prompt="one two", n=2, extra_headers=NAMED)
        stream = await client.completions.create(
            model="m", prompt="one two", n=2, stream=True, stream_options={"include_usage": True}, extra_headers=NAMED
        )
        return plain, [chunk async for chunk in stream]

    (plain, chunks), _ = play(scene)
    texts = ["", ""]
    for chunk in chunks:
        for choice in chunk.choices:
            texts[choice.index] += choice.text
    assert texts == [choice.text for choice in plain.choices]
    assert len(set(texts)) == 2
    assert {choice.finish_reason for choice in plain.choices} == {"stop"}
    assert chunks[-1].usage == plain.usage
    assert plain.usage.total_tokens == 10


@pytest.mark.parametrize("encoding", ["float", "base64", None])
def test_embeddings_are_vectors_of_length_one(encoding):
    """The same text has the same vector, other texts others; numbers or base64, which is the SDK's own choice."""

    async def scene(client: openai.AsyncOpenAI) -> Any:
        asked: Any = {"model": "m", "input": ["a b", "c", "a b"], "dimensions": 64}
        return await client.embeddings.create(**asked, **({"encoding_format": encoding} if encoding else {}))

    answer, took = play(scene)
    assert took == 2.0 + 0.5
    vectors = [item.embedding for item in answer.data]
    if encoding == "base64":
        assert vectors[0] == vectors[2] != vectors[1]
        return
    assert vectors[0] == pytest.approx(vectors[2])
    assert vectors[0] != pytest.approx(vectors[1])
    assert [sum(x * x for x in vector) for vector in vectors] == pytest.approx([1.0] * 3, abs=1e-4)
    assert len(vectors[0]) == 64
    assert answer.usage.prompt_tokens == 5


def test_every_route_meets_the_same_faults():
    """An error is one on each of them."""
    fault = {"kind": "status_error", "probability": 1, "status": 503}

    async def scene(client: openai.AsyncOpenAI) -> Any:
        calls: list[Awaitable[Any]] = [
            client.responses.create(model="m", input="hi"),
            client.completions.create(model="m", prompt="hi"),
            client.embeddings.create(model="m", input="hi"),
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}]),
        ]
        return [type(error).__name__ for error in await asyncio.gather(*calls, return_exceptions=True)]

    assert play(scene, faults=[fault])[0] == ["InternalServerError"] * 4


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("responses", {"model": "m"}, "input"),
        ("responses", {"model": "m", "input": 5}, "input"),
        ("responses", {"model": "m", "input": "x", "tools": [{"type": "function"}]}, "tools"),
        ("completions", {"model": "m"}, "prompt"),
        ("completions", {"model": "m", "prompt": {"a": 1}}, "prompt"),
        ("completions", {"model": "m", "prompt": [{"a": 1}]}, "prompt"),
        ("embeddings", {"model": "m"}, "input"),
        ("embeddings", {"model": "m", "input": "x", "dimensions": 4000}, "dimensions"),
        ("embeddings", {"model": "m", "input": "x", "encoding_format": "hex"}, "encoding_format"),
        ("embeddings", {"model": "m", "input": ["x"] * 2049, "dimensions": 3072}, "input"),
    ],
)
def test_bad_requests_are_told_which_parameter_is_wrong(path, body, param):
    """In OpenAI's shape."""

    async def scene(client: openai.AsyncOpenAI) -> Any:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.post(f"/{path}", cast_to=object, body=body)
        return caught.value

    error, _ = play(scene)
    assert error.param == param
    assert error.type == "invalid_request_error"
