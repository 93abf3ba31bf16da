"""`Llm(strategy=...)` plays every request under that strategy."""

import asyncio
import json

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletion
from pydantic import ValidationError

from harness import Llm
from harness.errors import UserError
from harness.mock.app import MockApp
from harness.mock.server import ServerProcess
from harness.profiles import Profile
from harness.strategies import Sdk
from harness.strategies.hedges import Adaptive, Hedge, Speculation
from harness.strategies.played import Backoff
from harness.strategies.restarts import Restart
from tests.llm.scenes import HELLO, QUICK, Scripted, llm, play, prompts

NAMED = {"extra_headers": {"X-Harness-Request": "r"}}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"type": "integer"}}}}}]
AT_ONCE = Backoff(base_s=0.0)


def failing(kind: str, **more) -> MockApp:
    """A server whose first attempt of each named request fails in one way."""
    fault = {"kind": kind, "probability": 1, "first_attempts": 1, **more}
    return MockApp(Profile.from_dict({"name": "failing", "output_tokens": 3, "faults": [fault]}))


@pytest.mark.parametrize(
    "kind", ["hang_before_headers", "headers_then_silence", "role_only_prelude", "keepalive_comments"]
)
def test_a_request_that_gets_stuck_is_restarted(kind):
    """At the strategy's timeout, whatever the silence looks like on the wire."""
    mine = llm(strategy=Restart("s", timeout=3.0))
    answer, seconds = play(lambda: mine.arun_completions(HELLO, stream=True, **NAMED), failing(kind))
    assert (len(answer["content"].split()), seconds) == (3, 3.0)


def test_a_strategy_goes_by_its_name():
    """hedge_2 of the packaged ones: a copy after two seconds."""
    app = failing("hang_before_headers")
    answer, seconds = play(lambda: llm(strategy="hedge_2").arun_completions(HELLO, **NAMED), app)
    assert (len(answer.choices[0].message.content.split()), seconds) == (3, 2.0)
    assert app.log.arrived == 2


def test_the_wire_streams_though_the_caller_does_not():
    """So that the first content can be seen; the caller gets a ChatCompletion as ever."""
    app = MockApp(QUICK)
    answer, _ = play(lambda: llm(strategy="hedge_2").arun_completions(HELLO), app)
    assert isinstance(answer, ChatCompletion)
    assert (answer.choices[0].finish_reason, [line["stream"] for line in app.log]) == ("stop", [True])


def test_a_strategy_that_does_not_stream_is_obeyed():
    """Unless the caller wants a stream."""
    app = MockApp(QUICK)
    mine = llm(strategy=Restart("s", stream=False))

    async def scene():
        return await mine.arun_completions(HELLO), await mine.arun_completions(HELLO, stream=True)

    (plain, streamed), _ = play(scene, app)
    assert (type(plain), streamed["role"]) == (ChatCompletion, "assistant")
    assert [line["stream"] for line in app.log] == [False, True]


@pytest.mark.parametrize("stream", [True, False])
def test_tool_calls_come_through(stream):
    """In the article's form from a stream, in the SDK's without."""
    mine = llm(strategy="hedge_2")
    answer, _ = play(lambda: mine.arun_completions(HELLO, stream=stream, tools=TOOLS), MockApp(QUICK))
    if stream:
        name, arguments = answer["tool_calls"][0]["function"].values()
    else:
        called = answer.choices[0].message.tool_calls[0].function
        name, arguments = called.name, called.arguments
    assert (name, list(json.loads(arguments))) == ("f", ["a"])


def test_other_arguments_pass_through():
    """`n` answers are n answers, and usage comes if it is asked for."""
    mine = llm(strategy="hedge_2")
    options = {"n": 2, "stream_options": {"include_usage": True}}
    answer, _ = play(lambda: mine.arun_completions(HELLO, **options), MockApp(QUICK))
    assert [len(choice.message.content.split()) for choice in answer.choices] == [3, 3]
    assert answer.usage.completion_tokens == 6


def test_a_timeout_beside_a_strategy_is_refused():
    """Two answers to one question."""
    with pytest.raises(ValueError, match=r"timeout=5 has no effect: strategy 'hedge_2' has its own timers"):
        play(lambda: llm(strategy="hedge_2").arun_completions(HELLO, timeout=5), MockApp(QUICK))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"max_retries": 3, "strategy": "hedge_2"}, "max_retries has no effect"),
        ({"http_client": httpx2.Client(), "strategy": "hedge_2"}, "give async_http_client"),
        ({"batch_size": 10, "strategy": Restart("s", dispatch="window")}, "keeps 100 requests under way"),
        ({"strategy": Restart("s", dispatch="aimd")}, "dispatch=aimd is for measurements"),
        ({"strategy": Restart("s", max_connections=9), "async_http_client": httpx2.AsyncClient}, "leaves no room"),
        ({"strategy": 5}, "strategy"),
    ],
)
def test_settings_without_effect_are_refused(settings, complaint):
    """When the client is made."""
    with pytest.raises(ValidationError, match=complaint):
        Llm(**settings)


def test_an_unknown_strategy_is_refused_with_the_nearest_name():
    """When the client is made."""
    with pytest.raises(UserError, match="did you mean 'hedge_2'"):
        Llm(strategy="hedge2")


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        (failing("hang_before_headers"), openai.APITimeoutError),
        (failing("status_error", status=500), openai.InternalServerError),
        (failing("abrupt_disconnect", tokens=1), openai.APIConnectionError),
        (failing("silent_truncation", tokens=1), openai.APIConnectionError),
    ],
)
def test_a_failure_is_the_sdks_own_exception(app, expected):
    """That of the last attempt."""
    mine = llm(strategy=Restart("s", timeout=3.0, max_retries=0))
    with pytest.raises(openai.OpenAIError) as failure:
        play(lambda: mine.arun_completions(HELLO, **NAMED), app)
    assert type(failure.value) is expected


def test_a_timeout_after_an_error_is_a_timeout():
    """What the attempt before the last one came to is not what the request failed of."""
    app = Scripted(
        status=lambda _, tried: 500 if tried == 1 else 200, delay=lambda _: 1.0 if len(app.seen) == 1 else 60
    )
    mine = llm(strategy=Restart("s", stream=False, timeout=3.0, max_retries=1, backoff=AT_ONCE))
    with pytest.raises(openai.APITimeoutError) as failure:
        play(lambda: mine.arun_completions(HELLO), app)
    assert str(failure.value.__cause__) == "all 2 attempts came to nothing"


def test_batches_come_one_after_another():
    """`batch_size` requests each, under a strategy that gathers; answers in order."""
    app = Scripted()
    mine = llm(batch_size=3, strategy=Restart("s", stream=False))
    answers, seconds = play(lambda: mine.arun_batch_completions(prompts(7)), app)
    assert [answer.choices[0].message.content for answer in answers] == [f"answer to {i}" for i in range(7)]
    assert (seconds, app.most_in_flight) == (3.0, 3)


def test_a_window_keeps_requests_under_way():
    """Whoever is done makes room for the next one: nobody waits for the slowest of a batch."""
    app = Scripted(delay=lambda prompt: 6.0 if prompt == "0" else 1.0)
    mine = llm(strategy=Restart("s", stream=False, dispatch="window", in_flight=2))
    answers, seconds = play(lambda: mine.arun_batch_completions(prompts(7)), app)
    assert [answer.choices[0].message.content for answer in answers] == [f"answer to {i}" for i in range(7)]
    assert (seconds, app.most_in_flight) == (6.0, 2)


def test_a_window_keeps_what_succeeded():
    """With return_exceptions the failure stands in its place."""
    app = Scripted(status=lambda prompt, _: 400 if prompt == "1" else 200)
    mine = llm(strategy=Restart("s", stream=False, dispatch="window", in_flight=2))
    answers, _ = play(lambda: mine.arun_batch_completions(prompts(3), return_exceptions=True), app)
    assert [type(answer) for answer in answers] == [ChatCompletion, openai.BadRequestError, ChatCompletion]


def test_a_window_that_fails_leaves_nothing_running():
    """The first failure ends the others."""
    app = Scripted(status=lambda prompt, _: 400 if prompt == "1" else 200, delay=lambda p: 1.0 if p == "1" else 5.0)
    mine = llm(strategy=Restart("s", stream=False, dispatch="window", in_flight=2))

    async def scene():
        with pytest.raises(openai.BadRequestError):
            await mine.arun_batch_completions(prompts(5))
        return len(asyncio.all_tasks()) - 1 - app.in_flight

    others, seconds = play(scene, app)
    assert (others, seconds, app.seen) == (0, 1.0, ["0", "1"])


def test_a_batch_speculates():
    """Once 3 of 4 are done, what runs longer than 1.5 medians is copied: the strategy knows how large the batch is."""
    app = Scripted(delay=lambda prompt: 20.0 if prompt == "3" and app.seen.count("3") == 1 else 1.0)
    mine = llm(strategy=Speculation("s", stream=False, timeout=30.0))
    answers, seconds = play(lambda: mine.arun_batch_completions(prompts(4)), app)
    assert (len(answers), seconds) == (4, 2.5)


def test_what_is_learnt_is_kept_from_call_to_call():
    """A client that has seen twenty answers knows when the next one is late."""
    app = Scripted(delay=lambda prompt: 600.0 if prompt == "late" and app.seen.count("late") == 1 else 1.0)
    mine = llm(strategy=Adaptive("s", stream=False))

    async def scene():
        await mine.arun_batch_completions(prompts(40))
        before = asyncio.get_running_loop().time()
        await mine.arun_completions([{"role": "user", "content": "late"}])
        return asyncio.get_running_loop().time() - before

    seconds, _ = play(scene, app)
    assert seconds < 5


def test_a_fresh_connection_is_used_for_retries():
    """Where a pooled one may be what is stuck."""
    app = Scripted(status=lambda _, tried: 500 if tried == 2 else 200)
    mine = llm(
        strategy=Restart("s", stream=False, fresh_connection=True, dispatch="window", in_flight=1, backoff=AT_ONCE)
    )
    play(lambda: mine.arun_batch_completions([HELLO] * 3), app)
    assert (len(app.seen), len(app.clients)) == (4, 2)


def test_the_sdks_kind_is_played_by_the_sdk():
    """Its timeout, its retries and tenacity's rounds."""
    app = failing("hang_before_headers", first_attempts=3)
    mine = llm(strategy=Sdk("s", timeout=3.0, stream=True, max_retries=1, tenacity_attempts=2))
    answer, seconds = play(lambda: mine.arun_completions(HELLO, **NAMED), app)
    assert isinstance(answer, ChatCompletion)
    assert (app.log.arrived, 9.0 < seconds < 11.0) == (4, True)


def test_the_sdks_kind_fails_like_the_others():
    """With the SDK's exception, not tenacity's."""
    mine = llm(strategy=Sdk("s", timeout=3.0, max_retries=0, tenacity_attempts=2))
    with pytest.raises(openai.APITimeoutError):
        play(lambda: mine.arun_completions(HELLO, **NAMED), failing("hang_before_headers", first_attempts=2))


@pytest.mark.slow
def test_synchronous_calls_are_played_too():
    """Over real sockets, one by one and in batches."""
    with ServerProcess(QUICK) as server:
        mine = Llm(base_url=server.base_url, api_key="k", strategy=Hedge("s", delay=5.0))
        one = mine.run_completions(HELLO)
        streamed = mine.run_completions(HELLO, stream=True)
        batch = mine.run_batch_completions([HELLO] * 3, stream=True, as_completion=True)
    assert len(one.choices[0].message.content.split()) == len(streamed["content"].split()) == 3
    assert [type(answer) for answer in batch] == [ChatCompletion] * 3


@pytest.mark.parametrize("call", ["run_completions", "run_batch_completions"])
def test_a_synchronous_call_in_a_running_loop_names_its_twin(call):
    """A notebook is told what to write."""

    async def scene():
        with pytest.raises(RuntimeError, match=rf"use `await llm\.a{call}\(\.\.\.\)` there"):
            getattr(llm(strategy="hedge_2"), call)(HELLO)

    play(scene, MockApp(QUICK))
