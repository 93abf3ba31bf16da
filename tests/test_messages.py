"""Chunks of a stream become the article's message, or the whole completion."""

import pytest
from openai.types.chat import ChatCompletionChunk

from harness.messages import StreamedMessage


def chunk(*choices: dict, **envelope) -> ChatCompletionChunk:
    fields = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": list(choices)}
    return ChatCompletionChunk.construct(**fields | envelope)


def choice(delta: dict | None = None, index: int | None = 0, finish: str | None = None, **more) -> dict:
    return {"index": index, "delta": delta or {}, "finish_reason": finish, **more}


def call(index: int | None, name: str | None = None, arguments: str | None = None, call_id: str | None = None) -> dict:
    return {"tool_calls": [{"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}]}


def streamed(*chunks: ChatCompletionChunk) -> StreamedMessage:
    message = StreamedMessage()
    for each in chunks:
        message.add(each)
    return message


def test_content_is_joined():
    """Role, parts and the end of a text."""
    message = streamed(
        chunk(choice({"role": "assistant", "content": ""})),
        chunk(choice({"content": "Hel"})),
        chunk(choice({"content": "lo"})),
        chunk(choice(finish="stop")),
    )
    assert message.message == {"role": "assistant", "content": "Hello", "tool_calls": None}
    assert (message.finish_reason, message.content_chunks) == ("stop", 2)


def test_what_is_absent_stays_none():
    """A stream that ends at once says nothing, and no empty text either."""
    assert streamed().message == {"role": "assistant", "content": None, "tool_calls": None}
    assert streamed().finish_reason is None


def test_tool_calls_are_joined_by_index():
    """Fragmented, interleaved, two at once; the later index may come first."""
    message = streamed(
        chunk(choice(call(1, "b", "", "id1"))),
        chunk(choice(call(0, "a", '{"x"', "id0"))),
        chunk(choice(call(1, None, "[1,"))),
        chunk(choice(call(0, None, ": 1}"))),
        chunk(choice(call(1, None, "2]"))),
        chunk(choice(finish="tool_calls")),
    )
    assert message.message["tool_calls"] == [
        {"id": "id0", "type": "function", "function": {"name": "a", "arguments": '{"x": 1}'}},
        {"id": "id1", "type": "function", "function": {"name": "b", "arguments": "[1,2]"}},
    ]
    assert message.message["content"] is None


def test_a_repeated_name_is_not_doubled():
    """Some servers send id and name with every fragment."""
    message = streamed(chunk(choice(call(0, "a", "{", "id"))), chunk(choice(call(0, "a", "}", "id"))))
    assert message.message["tool_calls"][0] == {
        "id": "id", "type": "function", "function": {"name": "a", "arguments": "{}"},
    }  # fmt: skip


def test_tool_calls_without_an_index_are_told_apart():
    """Some gateways leave it out; a new id begins a new call there."""
    message = streamed(
        chunk(choice(call(None, "a", "{", "id0"))),
        chunk(choice(call(None, None, "}"))),
        chunk(choice(call(None, "b", "[]", "id1"))),
    )
    assert [(each["id"], each["function"]["arguments"]) for each in message.message["tool_calls"]] == [
        ("id0", "{}"), ("id1", "[]"),
    ]  # fmt: skip


def test_a_choice_without_an_index_is_the_first():
    """A gateway that never sends more than one may leave it out."""
    message = streamed(chunk(choice({"content": "x"}, index=None, finish="stop")))
    assert (message.message["content"], message.finish_reason) == ("x", "stop")


def test_chunks_without_choices_are_welcome():
    """Azure's first chunk and OpenAI's last have none."""
    message = streamed(
        chunk(id="", model="", prompt_filter_results=[]),
        chunk(choice({"content": "x"}), id="c9"),
        chunk(usage={"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}),
    )
    assert message.message["content"] == "x"
    assert message.completion().id == "c9"
    assert message.completion().usage.total_tokens == 2


def test_a_choice_without_a_delta_is_welcome():
    """Some gateways end with a choice whose delta is null."""
    assert streamed(chunk({"index": 0, "delta": None, "finish_reason": "stop"})).finish_reason == "stop"


def test_the_whole_completion_keeps_everything():
    """Id, finish reason, refusal, log probabilities, usage, every choice."""
    token = {"token": "x", "logprob": -0.1, "bytes": None, "top_logprobs": []}
    completion = streamed(
        chunk(choice({"content": "x"}, logprobs={"content": [token], "refusal": None}), system_fingerprint="fp"),
        chunk(choice({"refusal": "no"}, index=1)),
        chunk(choice(finish="stop"), choice(index=1, finish="content_filter")),
    ).completion()
    assert (completion.id, completion.model, completion.object) == ("c1", "m", "chat.completion")
    assert [each.finish_reason for each in completion.choices] == ["stop", "content_filter"]
    assert completion.choices[0].message.content == "x"
    assert completion.choices[0].logprobs.content[0].logprob == -0.1
    assert completion.choices[1].message.refusal == "no"
    assert completion.system_fingerprint == "fp"


@pytest.mark.parametrize("kind", ["content", "tools"])
def test_the_completion_of_a_stream_is_the_plain_one(kind):
    """Streamed or not, the mock's answer to a request comes out the same."""
    from harness import clock
    from harness.mock.app import MockApp
    from harness.openai_adapter import Endpoint, Trace, current_trace, open_client
    from harness.profiles import Profile

    tools = {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {}}}}}]}
    arguments = {"model": "m", "messages": [{"role": "user", "content": "hi"}]} | (tools if kind == "tools" else {})
    app = MockApp(Profile.from_dict({"name": "p", "output_tokens": 5}))

    async def main():
        current_trace.set(Trace("r"))
        async with open_client(Endpoint("http://mock/v1", "k", "m", is_mock=True, app=app), max_retries=0) as client:
            plain = await client.chat.completions.create(**arguments)
            message = StreamedMessage()
            stream = await client.chat.completions.create(
                **arguments, stream=True, stream_options={"include_usage": True}
            )
            async for each in stream:
                message.add(each)
            return plain, message.completion()

    plain, whole = (each.to_dict() for each in clock.run(main, clock="virtual"))
    for each in (plain, whole):
        # The server makes an id for every attempt; a plain message leaves out what is null.
        each.pop("id")
        message = each["choices"][0]["message"]
        each["choices"][0]["message"] = {key: value for key, value in message.items() if value is not None}
    assert plain == whole
