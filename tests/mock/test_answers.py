"""Answers have the shape of OpenAI's and the length that was asked for."""

import json

import pytest

from tests.mock.conftest import CHAT, ask, chunks

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
    },
}
TIME = {"type": "function", "function": {"name": "time", "parameters": {"properties": {"zone": {"enum": ["UTC"]}}}}}


def test_a_plain_answer_is_a_chat_completion(mock):
    """Object, model, one choice, usage, a request id."""
    response = mock.post()
    answer = response.json()
    assert (response.status_code, answer["object"], answer["model"]) == (200, "chat.completion", "m")
    assert answer["choices"][0]["message"]["role"] == "assistant"
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert len(answer["choices"][0]["message"]["content"].split()) == 4
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    assert response.headers["x-request-id"].startswith("req_")
    assert int(response.headers["content-length"]) == len(response.content)
    assert "x-ratelimit-remaining-requests" in response.headers


def test_a_streamed_answer_says_the_same(mock):
    """Role first, one token a chunk, then the finish; joined it is the plain answer's text."""
    whole = mock.post({"X-Harness-Request": "r"}).json()["choices"][0]["message"]["content"]
    response = mock.post({"X-Harness-Request": "r"}, stream=True)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(response.text)]
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert deltas[0]["role"] == "assistant"
    assert [bool(delta.get("content")) for delta in deltas] == [False, True, True, True, True, False]
    assert "".join(delta.get("content") or "" for delta in deltas) == whole


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize(("limit", "reason"), [(2, "length"), (9, "stop")])
def test_a_limit_fixes_the_number_of_content_chunks(mock, field, limit, reason):
    """Exactly as many as the request says; an answer cut short says so."""
    found = chunks(mock.post(stream=True, **{field: limit}).text)
    contents = [chunk for chunk in found if chunk["choices"][0]["delta"].get("content")]
    assert (len(contents), found[-1]["choices"][0]["finish_reason"]) == (limit, reason)


def test_a_profile_can_send_several_tokens_in_a_chunk():
    """Five tokens, two in a chunk: three chunks."""
    from tests.mock.conftest import Mock

    found = chunks(Mock({"name": "p", "output_tokens": 5, "tokens_per_chunk": 2}).post(stream=True).text)
    contents = [chunk["choices"][0]["delta"].get("content") for chunk in found]
    assert [len(content.split()) for content in contents if content] == [2, 2, 1]


def test_usage_comes_last_when_asked_for(mock):
    """A chunk without choices, as OpenAI sends it; without the option there is none."""
    found = chunks(mock.post(stream=True, stream_options={"include_usage": True}).text)
    assert found[-1]["choices"] == []
    assert found[-1]["usage"]["completion_tokens"] == 4
    assert all("usage" not in chunk for chunk in chunks(mock.post(stream=True).text))


def test_several_choices(mock):
    """n=2 gives two choices with texts of their own, streamed or not."""
    plain = mock.post({"X-Harness-Request": "r"}, n=2).json()
    texts = [choice["message"]["content"] for choice in plain["choices"]]
    assert len(set(texts)) == 2
    assert plain["usage"]["completion_tokens"] == 8
    streamed = ["", ""]
    for chunk in chunks(mock.post({"X-Harness-Request": "r"}, n=2, stream=True).text):
        choice = chunk["choices"][0]
        streamed[choice["index"]] += choice["delta"].get("content") or ""
    assert streamed == texts


def test_tools_are_called_with_arguments_that_fit_their_schema(mock):
    """Strings, integers and enums as the schema says."""
    message = mock.post(tools=[WEATHER, TIME]).json()["choices"][0]
    calls = message["message"]["tool_calls"]
    assert message["finish_reason"] == "tool_calls"
    assert [call["function"]["name"] for call in calls] == ["weather", "time"]
    weather = json.loads(calls[0]["function"]["arguments"])
    assert isinstance(weather["city"], str)
    assert isinstance(weather["days"], int)
    assert json.loads(calls[1]["function"]["arguments"]) == {"zone": "UTC"}


def test_streamed_tool_calls_are_fragmented_and_interleaved(mock):
    """Fragments of several calls alternate, and join to the plain answer's arguments."""
    plain = mock.post({"X-Harness-Request": "r"}, tools=[WEATHER, TIME]).json()
    expected = [call["function"]["arguments"] for call in plain["choices"][0]["message"]["tool_calls"]]
    joined, order = ["", ""], []
    for chunk in chunks(mock.post({"X-Harness-Request": "r"}, tools=[WEATHER, TIME], stream=True).text):
        for call in chunk["choices"][0]["delta"].get("tool_calls") or []:
            joined[call["index"]] += call["function"]["arguments"]
            order.append(call["index"])
    assert joined == expected
    assert order[:6] == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"tool_choice": "none"}, None),
        ({"parallel_tool_calls": False}, ["weather"]),
        ({"tool_choice": {"type": "function", "function": {"name": "time"}}}, ["time"]),
    ],
)
def test_the_choice_of_tools_is_respected(mock, change, names):
    """None, one at a time, or the one that is named."""
    message = mock.post(tools=[WEATHER, TIME], **change).json()["choices"][0]["message"]
    calls = message.get("tool_calls")
    assert (calls and [call["function"]["name"] for call in calls]) == names


def test_models_are_listed(mock):
    """Clients that look for their model first find a list."""
    answer = mock.play(lambda client: client.get("/v1/models")).json()
    assert answer["object"] == "list"
    assert "gpt-4o-mini" in {model["id"] for model in answer["data"]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "We could not parse the JSON body"),
        (b"[]", "must be a JSON object"),
        (b"{}", "Missing required parameter: 'model'"),
        (b'{"model": "m"}', "Missing required parameter: 'messages'"),
        (json.dumps(ask(messages="hi")).encode(), "Invalid type for 'messages'"),
        (json.dumps(ask(messages=[1])).encode(), "an object with a 'role'"),
        (json.dumps(ask(stream="yes")).encode(), "Invalid type for 'stream'"),
        (json.dumps(ask(n=True)).encode(), "Invalid type for 'n'"),
        (json.dumps(ask(n=0)).encode(), "expected 1 to 128"),
        (json.dumps(ask(max_tokens=0)).encode(), "expected 1 to"),
        (json.dumps(ask(tools=[{}])).encode(), "must have a 'function'"),
        (b"[" * 100_000, "We could not parse the JSON body"),
    ],
)
def test_bad_requests_get_openais_error_body(mock, body, message):
    """Status 400 and a message that says what is wrong."""
    response = mock.play(lambda client: client.post(CHAT, content=body))
    error = response.json()["error"]
    assert response.status_code == 400
    assert message in error["message"]
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/nothing", 404), ("GET", CHAT, 405)])
def test_unknown_places_get_openais_error_body(mock, method, path, status):
    """So that a wrong base URL is recognised."""
    response = mock.play(lambda client: client.request(method, path))
    assert response.status_code == status
    assert response.json()["error"]["message"]


def test_a_huge_body_is_refused(mock):
    """16 MiB is more than any test needs."""
    response = mock.play(lambda client: client.post(CHAT, content=b" " * (16 * 2**20 + 1)))
    assert response.status_code == 413
