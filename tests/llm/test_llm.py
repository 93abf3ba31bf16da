"""`Llm` does what the article's client does, and a little more."""

import asyncio
import inspect
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import openai
import pytest
import tenacity
from openai.types.chat import ChatCompletion

from harness import Llm, clock
from harness.llm import log_retry
from harness.mock.app import MockApp
from harness.mock.server import ServerProcess
from harness.openai_adapter import DirectTransport
from harness.profiles import Profile
from tests.llm.scenes import HELLO, LONG_ANSWER, QUICK, Scripted, llm, play, prompts


def test_defaults_and_signatures_are_the_articles():
    """Names and defaults that code written for the article relies on."""
    assert (Llm().batch_size, Llm().max_retries) == (100, 5)
    parameters = inspect.signature(Llm.run_completions).parameters
    assert list(parameters)[:3] == ["self", "messages", "model"]
    assert parameters["model"].default == "gpt-3.5-turbo-1106"
    assert next(iter(list(inspect.signature(Llm.run_batch_completions).parameters)[1:])) == "messages_list"


def test_a_long_answer_without_streaming_fails_after_retries():
    """timeout=5 is in effect a limit of the whole answer, which takes 21 s."""
    app = MockApp(LONG_ANSWER)
    with pytest.raises(tenacity.RetryError) as failure:
        play(lambda: llm().arun_completions(HELLO, timeout=5), app)
    assert isinstance(failure.value.last_attempt.exception(), openai.APITimeoutError)
    assert app.log.arrived == 18


def test_a_long_answer_with_streaming_succeeds():
    """timeout=5 limits the wait for the next token only: 21 s, one attempt."""
    app = MockApp(LONG_ANSWER)
    response, seconds = play(lambda: llm().arun_completions(HELLO, timeout=5, stream=True), app)
    assert len(response["content"].split()) == 100
    assert (response["role"], response["tool_calls"]) == ("assistant", None)
    assert (round(seconds, 6), app.log.arrived) == (21.0, 1)


@contextmanager
def real_server(profile: Profile) -> Iterator[Llm]:
    with ServerProcess(profile) as server:
        yield Llm(base_url=server.base_url, api_key="k")


def test_the_articles_examples_run_as_written(capsys):
    """Synchronous, over real sockets, printing what they print."""
    with real_server(QUICK) as llm:
        response = llm.run_completions(messages=HELLO, timeout=5)
        print(response.choices[0].message.content)
        response = llm.run_completions(messages=HELLO, timeout=5, stream=True)
        print(response["content"])
        responses = llm.run_batch_completions([HELLO] * 3, timeout=5, stream=True)
    lines = capsys.readouterr().out.splitlines()
    assert [len(line.split()) for line in lines] == [3, 3]
    assert [len(response["content"].split()) for response in responses] == [3, 3, 3]


def test_a_plain_answer_is_the_sdks():
    """A ChatCompletion, unchanged."""
    response, _ = play(lambda: llm().arun_completions(HELLO, model="m"), MockApp(QUICK))
    assert isinstance(response, ChatCompletion)
    assert response.model == "m"


def test_a_whole_completion_can_be_had_from_a_stream():
    """Id, finish reason and usage are not lost."""
    options = {"stream": True, "stream_options": {"include_usage": True}}
    response, _ = play(lambda: llm().arun_completions(HELLO, as_completion=True, **options), MockApp(QUICK))
    assert isinstance(response, ChatCompletion)
    assert (response.choices[0].finish_reason, response.usage.completion_tokens) == ("stop", 3)


def test_tool_calls_come_through():
    """Streamed tool calls have the article's shape."""
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"type": "integer"}}}}}]
    response, _ = play(lambda: llm().arun_completions(HELLO, stream=True, tools=tools), MockApp(QUICK))
    (call,) = response["tool_calls"]
    assert response["content"] is None
    assert call["function"] == {"name": "f", "arguments": '{"a": 7}'}


def test_answers_come_in_the_order_of_the_questions():
    """Though the last is answered first."""
    app = Scripted(delay=lambda prompt: 10.0 - int(prompt))
    answers, _ = play(lambda: llm().arun_batch_completions(prompts(5)), app)
    assert [answer.choices[0].message.content for answer in answers] == [f"answer to {i}" for i in range(5)]


def test_a_batch_is_awaited_before_the_next_begins():
    """Seven requests in slices of three: never more than three in flight, three slices of a second."""
    app = Scripted()
    answers, seconds = play(lambda: llm(batch_size=3).arun_batch_completions(prompts(7)), app)
    assert (len(answers), app.most_in_flight, seconds) == (7, 3, 3.0)
    assert app.seen == [str(i) for i in range(7)]


def test_one_client_serves_the_whole_call():
    """Connections of the first slice are used again by the second."""
    app = Scripted()
    play(lambda: llm(batch_size=3).arun_batch_completions(prompts(6)), app)
    assert len(app.clients) == 3


def test_every_request_of_a_batch_is_tried_three_times():
    """Tenacity's three attempts around the SDK's own retries, here none."""
    app = Scripted(status=lambda prompt, tried: 200 if tried == 3 else 400)
    answers, _ = play(lambda: llm(max_retries=0).arun_batch_completions(prompts(2)), app)
    assert len(answers) == 2
    assert sorted(app.seen) == ["0"] * 3 + ["1"] * 3


def test_one_failure_fails_the_batch_as_in_the_article():
    """RetryError, from the last attempt's exception."""
    app = Scripted(status=lambda prompt, _: 400 if prompt == "1" else 200)
    with pytest.raises(tenacity.RetryError):
        play(lambda: llm().arun_batch_completions(prompts(3)), app)


def test_a_failed_batch_leaves_nothing_running():
    """The rest is given up, and has ended, when the failure is raised."""
    app = Scripted(status=lambda prompt, _: 400, delay=lambda prompt: 1.0 if prompt == "1" else 50.0)

    async def scene():
        before = asyncio.all_tasks()
        with pytest.raises(tenacity.RetryError):
            await llm().arun_batch_completions(prompts(4))
        return [task for task in asyncio.all_tasks() - before if "_arun" in repr(task.get_coro())]

    left, seconds = play(scene, app)
    assert (left, seconds) == ([], 3.0)


def test_each_asynchronous_call_uses_a_client_of_its_own():
    """Made by `async_http_client`, closed at the call's end."""
    made = []

    def make() -> httpx2.AsyncClient:
        made.append(httpx2.AsyncClient(transport=DirectTransport(MockApp(QUICK)), headers={"X-Gateway": "token"}))
        return made[-1]

    async def main():
        gateway = Llm(base_url="http://gateway/v1", api_key="k", async_http_client=make)
        return await gateway.arun_completions(HELLO), await gateway.arun_batch_completions([HELLO] * 2)

    _, batch = clock.run(main, clock="virtual")
    assert len(batch) == 2
    assert [client.is_closed for client in made] == [True, True]


def test_a_given_client_carries_the_synchronous_requests():
    """With its headers, which are not shown."""
    seen = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["x-gateway"])
        return httpx2.Response(200, json={"choices": [{"index": 0, "message": {"content": "x"}}]})

    with httpx2.Client(transport=httpx2.MockTransport(handler), headers={"X-Gateway": "token"}) as client:
        one = Llm(base_url="http://gateway/v1", api_key="k", http_client=client)
        assert one.run_completions(HELLO).choices[0].message.content == "x"
    assert seen == ["token"]
    assert "http_client" not in repr(one) + one.model_dump_json()


def test_what_succeeded_can_be_kept_beside_the_failures():
    """return_exceptions, the word of asyncio.gather."""
    app = Scripted(status=lambda prompt, _: 400 if prompt == "1" else 200)
    answers, _ = play(lambda: llm().arun_batch_completions(prompts(3), return_exceptions=True), app)
    assert [type(answer).__name__ for answer in answers] == ["ChatCompletion", "RetryError", "ChatCompletion"]


def test_a_notebook_is_told_what_to_await():
    """The synchronous batch names its twin instead of failing in asyncio."""

    async def main():
        llm().run_batch_completions([HELLO])

    with pytest.raises(RuntimeError, match=r"await llm\.arun_batch_completions"):
        clock.run(main, clock="virtual")


def test_an_empty_batch_is_an_empty_list():
    """No request, no error."""
    assert llm().run_batch_completions([]) == []


@pytest.mark.parametrize("settings", [{"batch_size": 0}, {"max_retries": -1}, {"batchsize": 3}])
def test_impossible_settings_are_refused(settings):
    """By pydantic, when the client is made."""
    with pytest.raises(ValueError, match="validation error"):
        Llm(**settings)


def test_the_key_is_not_shown():
    """Neither by repr nor by dumping the model."""
    assert "secret-key" not in repr(llm())
    assert "secret-key" not in llm().model_dump_json()


def test_without_a_key_the_sdk_says_so(monkeypatch):
    """Its own error names the variable."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(openai.OpenAIError, match="OPENAI_API_KEY"):
        Llm().run_completions(HELLO)


def test_the_synchronous_client_is_made_once():
    """Making one loads certificates each time."""
    one = llm()
    assert one._client is one._client


def test_log_retry_is_there_for_other_code():
    """The article's name for the hook."""
    assert callable(log_retry)


def test_no_thread_is_left_behind():
    """A synchronous batch starts a loop and ends it."""
    with real_server(QUICK) as one:
        one.run_batch_completions([HELLO])
        before = threading.active_count()
        one.run_batch_completions([HELLO])
    assert threading.active_count() <= before
