"""`Llm`: the client of the published evaluation, to be used in one's own code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import cached_property
from typing import Any

import httpx2
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from harness.attempts import complete, log_retry
from harness.messages import StreamedMessage

__all__ = ["Llm", "log_retry"]

MODEL = "gpt-3.5-turbo-1106"
TENACITY_ATTEMPTS = 3

Messages = Sequence[Any]


class Llm(BaseModel):
    """Chat completions one by one or in batches, restarted when they get stuck.

    `batch_size` requests are awaited together; `max_retries` are the SDK's own. Asynchronous requests are repeated up
    to three times around those, whatever the failure. `base_url` and `api_key` default to the SDK's environment
    variables. `http_client` carries the synchronous requests, and each asynchronous call uses a client of its own made
    by `async_http_client` (such as `openai.DefaultAioHttpClient`); left out, the SDK makes them. All other arguments of
    a call (`timeout` in seconds, `stream`, `tools`, ...) go to the SDK as they are.

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

    @cached_property
    def _client(self) -> OpenAI:
        return OpenAI(**self._client_settings(), http_client=self.http_client)

    def run_completions(
        self, messages: Messages, model: str = MODEL, *, as_completion: bool = False, **kwargs: Any
    ) -> Any:
        """One answer, with the SDK's own retries.

        Raises openai.OpenAIError: APITimeoutError, APIConnectionError, APIStatusError and its kinds.
        """
        answer = self._client.chat.completions.create(messages=list(messages), model=model, **kwargs)
        if not kwargs.get("stream"):
            return answer
        streamed = StreamedMessage()
        with answer as stream:
            for chunk in stream:
                streamed.add(chunk)
        return _presented(streamed, as_completion=as_completion)

    async def arun_completions(
        self, messages: Messages, model: str = MODEL, *, as_completion: bool = False, **kwargs: Any
    ) -> Any:
        """One answer, with the SDK's retries and tenacity around them. Raises tenacity.RetryError."""
        async with self._open() as client:
            return await _arun(client, messages, as_completion, {"model": model, **kwargs})

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
        failure raises tenacity.RetryError and the other answers are lost. Raises RuntimeError inside a running event
        loop (a notebook): await `arun_batch_completions` there.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(
                self.arun_batch_completions(
                    messages_list, as_completion=as_completion, return_exceptions=return_exceptions, **kwargs
                )
            )
        raise RuntimeError(
            "run_batch_completions cannot run inside a running event loop (a notebook, an async function): "
            "use `await llm.arun_batch_completions(...)` there"
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
        arguments = {"model": MODEL, **kwargs}
        answers: list[Any] = []
        async with self._open() as client:
            for start in range(0, len(messages_list), self.batch_size):
                batch = messages_list[start : start + self.batch_size]
                requests = (_arun(client, messages, as_completion, arguments) for messages in batch)
                answers += await _gather(requests, return_exceptions=return_exceptions)
        return answers

    def _open(self) -> AsyncOpenAI:
        http_client = None if self.async_http_client is None else self.async_http_client()
        return AsyncOpenAI(**self._client_settings(), http_client=http_client)

    def _client_settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = {"max_retries": self.max_retries, "base_url": self.base_url}
        return settings | ({} if self.api_key is None else {"api_key": self.api_key.get_secret_value()})


async def _arun(client: AsyncOpenAI, messages: Messages, as_completion: bool, arguments: dict[str, Any]) -> Any:
    answer = await complete(client, {"messages": list(messages), **arguments}, tenacity_attempts=TENACITY_ATTEMPTS)
    return _presented(answer, as_completion=as_completion) if isinstance(answer, StreamedMessage) else answer


def _presented(streamed: StreamedMessage, *, as_completion: bool) -> Any:
    return streamed.completion() if as_completion else streamed.message


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
