"""`Llm`: the client of the published evaluation, to be used in one's own code."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Any, TypeVar

import httpx2
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel, ConfigDict, Field, InstanceOf, PrivateAttr, SecretStr, field_validator, model_validator

from harness.attempts import complete, log_retry
from harness.attempts.asking import ask, clients_for
from harness.draws import unique_name
from harness.messages import StreamedMessage
from harness.presets import strategy_named
from harness.strategies import Memory, Strategy, memory_of

__all__ = ["Llm", "log_retry"]

MODEL = "gpt-3.5-turbo-1106"
TENACITY_ATTEMPTS = 3

Messages = Sequence[Any]
Ask = Callable[[dict[str, Any]], Awaitable[Any]]
_T = TypeVar("_T")


class Llm(BaseModel):
    """Chat completions one by one or in batches, restarted when they get stuck.

    `batch_size` requests are awaited together; `max_retries` are the SDK's own. Asynchronous requests are repeated up
    to three times around those, whatever the failure. `base_url` and `api_key` default to the SDK's environment
    variables. `http_client` carries the synchronous requests, and each asynchronous call uses a client of its own made
    by `async_http_client` (such as `openai.DefaultAioHttpClient`); left out, the SDK makes them. All other arguments of
    a call (`timeout` in seconds, `stream`, `tools`, ...) go to the SDK as they are.

    A `strategy` (a name of `harness list`, or an object) decides about timeouts, retries, copies and whether the answer
    streams over the wire, so `max_retries` and the argument `timeout` are refused. What it learns and what is left of
    its budgets is kept from call to call, for each thread. With its dispatch `window`, batches keep `in_flight`
    requests under way instead of `batch_size`. Failures are the SDK's own exceptions.

    Without streaming an answer is the SDK's `ChatCompletion`. With `stream=True` it is
    `{"role": "assistant", "content": str | None, "tool_calls": list | None}`, or with `as_completion=True` the whole
    `ChatCompletion` put together from the chunks.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    batch_size: int = Field(default=100, ge=1)
    max_retries: int = Field(default=5, ge=0)
    base_url: str | None = None
    api_key: SecretStr | None = None
    # Neither shown nor dumped: a client's headers may hold secrets.
    http_client: httpx2.Client | None = Field(default=None, repr=False, exclude=True)
    async_http_client: Callable[[], httpx2.AsyncClient] | None = Field(default=None, repr=False, exclude=True)
    strategy: str | InstanceOf[Strategy] | None = None

    _memories: dict[tuple[int, Strategy], Memory] = PrivateAttr(default_factory=dict)

    @field_validator("strategy")
    @classmethod
    def _by_name(cls, strategy: str | Strategy | None) -> Strategy | None:
        return strategy_named(strategy) if isinstance(strategy, str) else strategy

    @model_validator(mode="after")
    def _settings_agree(self) -> Llm:
        """What a strategy leaves without effect is a mistake."""
        strategy = self._strategy
        if strategy is None:
            return self
        if strategy.dispatch not in {"gather", "window"}:
            raise ValueError(f"dispatch={strategy.dispatch} is for measurements: Llm knows gather and window")
        if strategy.stagger_s:
            raise ValueError("stagger_s is for measurements: Llm releases a batch at once")
        if "max_retries" in self.model_fields_set:
            raise ValueError(f"max_retries has no effect: strategy '{strategy.name}' has its own")
        if "batch_size" in self.model_fields_set and strategy.dispatch == "window":
            raise ValueError(
                f"batch_size has no effect: strategy '{strategy.name}' keeps {strategy.in_flight} requests under way"
            )
        if self.http_client is not None:
            raise ValueError(
                "http_client has no effect with a strategy: give async_http_client, which serves all calls"
            )
        if self.async_http_client is not None and (strategy.needs_fresh_connections or strategy.max_connections):
            raise ValueError(
                f"strategy '{strategy.name}' decides about connections, which async_http_client leaves no room for"
            )
        return self

    @property
    def _strategy(self) -> Strategy | None:
        return strategy_named(self.strategy) if isinstance(self.strategy, str) else self.strategy

    @cached_property
    def _client(self) -> OpenAI:
        return OpenAI(**self._client_settings(), http_client=self.http_client)

    def run_completions(
        self, messages: Messages, model: str = MODEL, *, as_completion: bool = False, **kwargs: Any
    ) -> Any:
        """One answer, with the SDK's own retries, or as the strategy says.

        Raises openai.OpenAIError: APITimeoutError, APIConnectionError, APIStatusError and its kinds. With a strategy
        also RuntimeError inside a running event loop: await `arun_completions` there.
        """
        if self._strategy is not None:
            return _run(
                "run_completions", self.arun_completions(messages, model, as_completion=as_completion, **kwargs)
            )
        answer = self._client.chat.completions.create(messages=list(messages), model=model, **kwargs)
        if not kwargs.get("stream"):
            return answer
        streamed = StreamedMessage()
        with answer as stream:
            for chunk in stream:
                streamed.add(chunk)
        return streamed.completion() if as_completion else streamed.message

    async def arun_completions(
        self, messages: Messages, model: str = MODEL, *, as_completion: bool = False, **kwargs: Any
    ) -> Any:
        """One answer, with the SDK's retries and tenacity around them; raises tenacity.RetryError.

        With a strategy as that says; raises openai.OpenAIError.
        """
        async with self._open(kwargs) as asked:
            self._release(1)
            return _presented(await asked({"messages": list(messages), "model": model}), kwargs, as_completion)

    def run_batch_completions(
        self,
        messages_list: Sequence[Messages],
        *,
        as_completion: bool = False,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """One answer for each entry of `messages_list`, in its order, `batch_size` of them at a time.

        With `return_exceptions=True` a request that failed leaves its exception in its place; otherwise the first
        failure raises tenacity.RetryError, or with a strategy openai.OpenAIError, and the other answers are lost.
        Raises RuntimeError inside a running event loop (a notebook): await `arun_batch_completions` there.
        """
        return _run(
            "run_batch_completions",
            self.arun_batch_completions(
                messages_list, as_completion=as_completion, return_exceptions=return_exceptions, **kwargs
            ),
        )

    async def arun_batch_completions(
        self,
        messages_list: Sequence[Messages],
        *,
        as_completion: bool = False,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """The same as `run_batch_completions`, to be awaited; one SDK client serves the whole call."""
        strategy, answers = self._strategy, []
        async with self._open({"model": MODEL, **kwargs}) as asked:

            async def one(messages: Messages) -> Any:
                return _presented(await asked({"messages": list(messages)}), kwargs, as_completion)

            if strategy is not None and strategy.dispatch == "window":
                self._release(len(messages_list))
                return await _window(messages_list, one, strategy.in_flight, return_exceptions=return_exceptions)
            for start in range(0, len(messages_list), self.batch_size):
                batch = messages_list[start : start + self.batch_size]
                self._release(len(batch))
                answers += await _gather(map(one, batch), return_exceptions=return_exceptions)
        return answers

    @asynccontextmanager
    async def _open(self, kwargs: dict[str, Any]) -> AsyncIterator[Ask]:
        """What asks for one completion with these arguments and those that it is called with, for one call."""
        strategy = self._strategy
        if strategy is None:
            http_client = None if self.async_http_client is None else self.async_http_client()
            async with AsyncOpenAI(**self._client_settings(), http_client=http_client) as client:
                yield lambda more: complete(client, {**more, **kwargs}, tenacity_attempts=TENACITY_ATTEMPTS)
            return
        if "timeout" in kwargs:
            raise ValueError(
                f"timeout={kwargs['timeout']!r} has no effect: strategy '{strategy.name}' has its own timers"
            )
        settings = self._client_settings() | {"max_retries": strategy.sdk_retries}
        async with clients_for(strategy, settings, self.async_http_client) as clients:
            memory = self._memory()
            yield lambda more: ask(clients, {**more, **kwargs}, strategy, memory, key=unique_name())

    def _memory(self) -> Memory:
        """Of this thread: loops of several threads must not wake each other's requests."""
        strategy = self._strategy
        if strategy is None:
            return Memory()
        key = threading.get_ident(), strategy
        if key not in self._memories:
            self._memories[key] = memory_of(strategy)
        return self._memories[key]

    def _release(self, requests: int) -> None:
        self._memory().release(requests)

    def _client_settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = {"max_retries": self.max_retries, "base_url": self.base_url}
        return settings | ({} if self.api_key is None else {"api_key": self.api_key.get_secret_value()})


def _run(name: str, coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Run the asynchronous twin of a method in a loop of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    coroutine.close()
    raise RuntimeError(
        f"{name} cannot run inside a running event loop (a notebook, an async function): "
        f"use `await llm.a{name}(...)` there"
    )


def _presented(answer: Any, kwargs: dict[str, Any], as_completion: bool) -> Any:
    """The form that the caller asked for, whether or not it came as a stream."""
    if not isinstance(answer, StreamedMessage):
        return answer
    return answer.message if kwargs.get("stream") and not as_completion else answer.completion()


async def _gather(requests: Iterable[Coroutine[Any, Any, Any]], *, return_exceptions: bool) -> list[Any]:
    """asyncio.gather, but when it raises nothing of the batch is left running."""
    tasks = [asyncio.ensure_future(request) for request in requests]
    try:
        return await asyncio.gather(*tasks, return_exceptions=return_exceptions)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def _window(
    messages_list: Sequence[Messages],
    one: Callable[[Messages], Coroutine[Any, Any, Any]],
    in_flight: int,
    *,
    return_exceptions: bool,
) -> list[Any]:
    """Keep so many under way until all are done."""
    answers: list[Any] = [None] * len(messages_list)
    waiting = enumerate(messages_list)

    async def work() -> None:
        for number, messages in waiting:
            try:
                answers[number] = await one(messages)
            except Exception as error:
                if not return_exceptions:
                    raise
                answers[number] = error

    await _gather((work() for _ in range(min(in_flight, len(messages_list)))), return_exceptions=False)
    return answers
