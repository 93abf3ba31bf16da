"""The SDK's client as measurements need it: its back-off is reproducible, and its own time short."""

from __future__ import annotations

import random
from collections.abc import Mapping
from email.utils import mktime_tz, parsedate_tz
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import httpx2
from openai import AsyncOpenAI, AsyncStream
from openai._base_client import make_request_options
from openai._constants import MAX_RETRY_AFTER_DELAY
from openai._types import not_given
from openai.resources.chat import AsyncChat
from openai.resources.chat.completions import AsyncCompletions
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from harness.clock import wall_time
from harness.draws import uniform
from harness.openai_adapter.pattern import Pattern, is_plain
from harness.openai_adapter.plain import plain
from harness.openai_adapter.trace import current_trace

if TYPE_CHECKING:
    from openai._models import FinalRequestOptions

    from harness.openai_adapter.client import Endpoint


#: Sorts of requests that a client remembers; strategies that set another timeout each time would have it grow.
_MOST_PATTERNS = 64


class KeyedClient(AsyncOpenAI):
    """The SDK's client with a back-off that depends on seed and request instead of on the process's history."""

    endpoint: Endpoint

    @property
    def user_agent(self) -> str:
        """What the SDK's own client sends, so that a server cannot tell the two apart."""
        return f"AsyncOpenAI/Python {self._version}"

    def _calculate_retry_timeout(
        self, remaining_retries: int, options: Any, response_headers: httpx2.Headers | None = None
    ) -> float:
        # A server's own word is already in its time; only the SDK's back-off has to be put into it.
        told = self._parse_retry_after_header(response_headers)
        obeyed = told is not None and 0 < told <= MAX_RETRY_AFTER_DELAY
        scale = 1.0 if obeyed else self.endpoint.time_scale
        arguments = remaining_retries, options, response_headers
        trace = current_trace.get()
        if trace is None:
            return super()._calculate_retry_timeout(*arguments) * scale
        # The SDK draws its jitter from Python's global generator, which is put back as it was.
        state = random.getstate()
        try:
            random.seed(uniform(self.endpoint.seed, trace.key, len(trace.recordings), "back-off"))
            return super()._calculate_retry_timeout(*arguments) * scale
        finally:
            random.setstate(state)

    def _parse_retry_after_header(self, response_headers: httpx2.Headers | None = None) -> float | None:
        # The SDK compares a date with the machine's clock, which stands still in virtual time.
        if response_headers is not None and self.endpoint.is_mock:
            date = parsedate_tz(response_headers.get("retry-after"))
            if date is not None:
                response_headers = httpx2.Headers({"retry-after": str(mktime_tz(date) - wall_time())})
        return super()._parse_retry_after_header(response_headers)


class LeanClient(KeyedClient):
    """Sends the same bytes and fails in the same ways, but leaves out what the SDK does for its callers' types.

    Of an answer or a chunk it builds no model, and of a request it walks no types: together more than half of the SDK's
    own time.
    """

    @property
    def chat(self) -> AsyncChat:
        """The SDK's resource, with completions asked for leanly."""
        return cast(AsyncChat, self._chat)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._chat = _Chat(self)
        self._patterns: dict[tuple[Any, ...], Pattern] = {}

    def _build_request(self, options: FinalRequestOptions, *, retries_taken: int = 0) -> httpx2.Request:
        """The SDK's own request, of which all but the body is kept for the next one that is like it."""
        # A cookie that a server has set goes into a request, and may change; so does a key of its own.
        if not is_plain(options) or self._client.cookies or self._idempotency_header is not None:
            return super()._build_request(options, retries_taken=retries_taken)
        like = options.method, options.url, str(options.timeout), str(options.security), retries_taken
        pattern = self._patterns.get(like)
        if pattern is not None:
            return pattern.filled(options.json_data)
        request = super()._build_request(options, retries_taken=retries_taken)
        if len(self._patterns) >= _MOST_PATTERNS:
            self._patterns.clear()
        self._patterns[like] = Pattern.of(request)
        return request

    def _process_response_data(self, *, data: object, cast_to: type[Any], response: httpx2.Response) -> Any:
        if cast_to in _READ_AS_JSON:
            return plain(data)
        return super()._process_response_data(data=data, cast_to=cast_to, response=response)

    def _prepare_url(self, url: str) -> httpx2.URL:
        return _joined(str(self.base_url), url) if url.startswith("/") else super()._prepare_url(url)


@lru_cache(maxsize=64)
def _joined(base: str, path: str) -> httpx2.URL:
    return httpx2.URL(base.rstrip("/") + path)


class _Chat:
    """What of the SDK's resource a request needs."""

    def __init__(self, client: LeanClient) -> None:
        self.completions = _Completions(client)


#: What the SDK would make of what comes back.
_READ_AS_JSON = (ChatCompletion, ChatCompletionChunk)
#: In the order in which the SDK writes them.
_FIELDS = ("model", "stream", "messages", "max_tokens")


class _Completions(AsyncCompletions):
    async def create(self, **arguments: Any) -> Any:
        timeout = arguments.pop("timeout", not_given)
        if not arguments.keys() <= set(_FIELDS):
            return await super().create(timeout=timeout, **arguments)
        body: Mapping[str, Any] = {name: arguments[name] for name in _FIELDS if name in arguments}
        return await self._post(
            "/chat/completions",
            body=body,
            options=make_request_options(timeout=timeout, security={"bearer_auth": True}),
            cast_to=ChatCompletion,
            stream=arguments.get("stream", False),
            stream_cls=AsyncStream[ChatCompletionChunk],
        )
