"""One chat completion as an attempt for the player: asked through the SDK, judged by what it brought."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx2
import openai

from harness.attempts.player import AttemptError, GivenUpError, Live, Player
from harness.messages import StreamedMessage
from harness.openai_adapter import current_mark, watched
from harness.openai_adapter.retries import seconds_to_wait, worth_retrying
from harness.strategies import Played
from harness.strategies.memory import Memory
from harness.strategies.played import limit_of
from harness.strategies.situation import NEVER

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletion

Answer = Any


def chat_player(
    client: AsyncOpenAI,
    arguments: Mapping[str, Any],
    strategy: Played,
    memory: Memory,
    *,
    fresh: AsyncOpenAI | None = None,
    seed: int = 0,
    key: str = "",
) -> Player[ChatCompletion | StreamedMessage]:
    """A player of one chat completion; `run` gives the SDK's completion, or with `stream` the streamed message.

    `client` must make no retries of its own; retries go to `fresh` if it is given, whose connections are not reused.
    """
    settings = dict(arguments) | strategy.call_arguments() | {"timeout": _timeout(strategy)}
    attempt = partial(_attempt, client, fresh or client, settings)
    return Player(strategy, memory, attempt, judged, seed=seed, key=key)


def _timeout(strategy: Played) -> httpx2.Timeout:
    """The player has the timers; only the connection is left to the transport, which alone knows of it."""
    connect = limit_of(strategy.connect_timeout)
    return httpx2.Timeout(None, connect=None if connect == NEVER else connect)


async def _attempt(client: AsyncOpenAI, fresh: AsyncOpenAI, settings: Mapping[str, Any], live: Live[Answer]) -> Answer:
    current_mark.set(live)
    asked = fresh if live.seen.kind == "retry" else client
    answer = await asked.chat.completions.create(**settings)
    if not settings.get("stream"):
        check_completion(answer)
        live.content()
        return answer
    live.headers()
    async with answer as stream:
        try:
            return await _read(stream, settings.get("n") or 1, live)
        except openai.APIConnectionError as error:
            if isinstance(error, openai.APITimeoutError):
                raise
            # The connection was there, and an answer on it.
            raise AttemptError("stream_error", type(error).__name__) from error


async def _read(stream: Any, choices: int, live: Live[Answer]) -> StreamedMessage:
    """The message of a stream, reported as it comes. Raises AttemptError for part of one, or none."""
    message, ending = StreamedMessage(), watched(stream)
    async for chunk in stream:
        before = message.content_chunks
        try:
            message.add(chunk)
        except (AttributeError, TypeError, ValueError) as error:
            raise AttemptError("stream_error", "a part of the stream was none of a chat completion") from error
        if message.content_chunks > before:
            live.content()
        if message.finished_choices >= choices and live.seen.finished_s is None:
            check_message(message)
            live.finish(message)
    message.done = ending.done
    if message.finished_choices < choices:
        if not message.done:
            raise AttemptError("truncated", "the stream ended without a finish reason")
        check_message(message)
    return message


def check_completion(answer: Any) -> None:
    """Raise AttemptError for what is no answer; the SDK builds its models from any JSON."""
    choices = getattr(answer, "choices", None)
    if not isinstance(choices, list) or not choices or getattr(choices[0], "message", None) is None:
        raise AttemptError("stream_error", "the answer was not a chat completion")
    message, finish = choices[0].message, getattr(choices[0], "finish_reason", None)
    if not any(getattr(message, part, None) for part in ("content", "tool_calls", "refusal", "audio", "function_call")):
        _refuse_empty(finish)


def check_message(message: StreamedMessage) -> None:
    """Raise AttemptError for a finished answer that says nothing, though it was not cut short."""
    if not message.content_chunks and not message.refused:
        _refuse_empty(message.finish_reason)


def _refuse_empty(finish: str | None) -> None:
    if finish not in {"length", "content_filter"}:
        raise AttemptError("stream_error", "the answer was empty")


def judged(error: Exception) -> AttemptError:
    """What an exception of the SDK means: its outcome, and whether and when to ask again."""
    if isinstance(error, AttemptError):
        return error
    text = type(error).__name__
    if isinstance(error, openai.APITimeoutError):
        return AttemptError("timeout", text)
    if isinstance(error, openai.APIConnectionError):
        return AttemptError("connection_error", text)
    if isinstance(error, openai.APIStatusError):
        response = error.response
        return AttemptError(
            "status_error",
            text,
            retryable=worth_retrying(response.status_code, response.headers, getattr(error, "code", None)),
            retry_after_s=seconds_to_wait(response.headers),
        )
    if type(error).__module__.startswith("aiohttp."):
        # What its transport does not translate: an answer that is no HTTP.
        return AttemptError("connection_error", text)
    # A stream that broke or could not be read; what is no matter of the server at all is a mistake in the call.
    broken = isinstance(error, openai.OpenAIError | httpx2.HTTPError | httpx2.StreamError | ValueError)
    return AttemptError("stream_error", text, retryable=broken)


def as_sdk_error(error: GivenUpError, client: AsyncOpenAI) -> Exception:
    """What an unmodified program expects to be raised: the SDK's own exception of the last attempt, or its timeout."""
    cause = error.__cause__
    if isinstance(cause, openai.OpenAIError):
        return cause
    request = httpx2.Request("POST", f"{client.base_url}chat/completions")
    timed_out = error.outcome == "timeout"
    found = (
        openai.APITimeoutError(request)
        if timed_out
        else openai.APIConnectionError(message=str(cause or error), request=request)
    )
    found.__cause__ = error
    return found
