"""Servers that misbehave, each in one way, and a client that is recorded."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import openai

from harness import clock
from harness.config.files import packaged
from harness.openai_adapter import Endpoint, Trace, current_trace, open_client
from harness.records import Attempt
from tests.apps import Asgi

#: Those that come with the package.
FAULTS = sorted(path.stem for path in (packaged() / "fault").glob("*.yaml"))
HEADERS = [(b"content-type", b"text/event-stream")]
ARGUMENTS: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def event(delta: dict | None = None, finish: str | None = None, **envelope: Any) -> bytes:
    chunk = {
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}],
    }  # fmt: skip
    return b"data: " + json.dumps(chunk | envelope).encode() + b"\n\n"


ROLE = event({"role": "assistant", "content": ""})
HELLO = event({"content": "hello"})
FINISH = event(finish="stop")
DONE = b"data: [DONE]\n\n"


def server(*steps: float | bytes | int | Exception | None) -> Callable[..., Awaitable[None]]:
    """An application that plays steps: wait (float), headers with a status (int), bytes, end (None), break (error)."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        for step in steps:
            if isinstance(step, float):
                await asyncio.sleep(step)
            elif isinstance(step, int):
                headers = HEADERS if step == 200 else [(b"content-type", b"application/json")]
                await send({"type": "http.response.start", "status": step, "headers": headers})
            elif isinstance(step, bytes):
                await send({"type": "http.response.body", "body": step, "more_body": True})
            elif step is None:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            else:
                raise step

    return app


def record(
    app: Any, *, timeout: float = 5.0, max_retries: int = 0, stream: bool = True, **endpoint: Any
) -> tuple[Attempt, ...]:
    """The attempts of one request against an application, in virtual time."""

    async def main() -> tuple[Attempt, ...]:
        trace = Trace("r")
        current_trace.set(trace)
        place = Endpoint("http://mock/v1", "secret-key", "m", is_mock=True, app=Asgi(app), **endpoint)
        async with open_client(place, max_retries=max_retries) as client:
            with contextlib.suppress(openai.OpenAIError):
                answer = await client.chat.completions.create(**ARGUMENTS, stream=stream, timeout=timeout)
                if stream:
                    async for _ in answer:
                        pass
        return trace.attempts(0.0, asyncio.get_running_loop().time())

    return clock.run(main, clock="virtual")
