"""A client of the mock application in virtual time."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2
import pytest

from harness import clock
from harness.mock.app import MockApp
from harness.openai_adapter import DirectTransport
from harness.profiles import Profile

T = TypeVar("T")

CHAT = "/v1/chat/completions"
STEPS = {"name": "steps", "headers": 1.0, "first_content": 1.0, "between_tokens": 0.5, "end": 0.5, "output_tokens": 4}


def ask(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "one two three"}], **fields}


def chunks(body: str) -> list[dict[str, Any]]:
    """The JSON events of an SSE body; its last event must be [DONE]."""
    events = [line.removeprefix("data: ") for line in body.split("\n\n") if line]
    assert events[-1] == "[DONE]"
    return [json.loads(event) for event in events[:-1]]


class Mock:
    """The application, and a way to play a scene against it."""

    def __init__(self, profile: dict[str, Any]) -> None:
        self.app = MockApp(Profile.from_dict(profile), seed=3)

    def play(self, scene: Callable[[httpx2.AsyncClient], Awaitable[T]]) -> T:
        async def main() -> T:
            async with httpx2.AsyncClient(
                transport=DirectTransport(self.app), base_url="http://mock", timeout=None
            ) as client:
                return await scene(client)

        return clock.run(main, clock="virtual")

    def post(self, headers: dict[str, str] | None = None, **fields: Any) -> httpx2.Response:
        return self.play(lambda client: client.post(CHAT, json=ask(**fields), headers=headers))


@pytest.fixture
def mock() -> Mock:
    return Mock(STEPS)


@pytest.fixture
def instant() -> Mock:
    return Mock({"name": "instant"})
