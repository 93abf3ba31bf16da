"""An `Llm` against applications at one address, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import yaml

from harness import Llm, clock
from harness.config.files import members
from harness.mock.app import MockApp
from harness.mock.listener import serving
from harness.profiles import Profile
from tests.apps import Asgi, listening

HELLO = [{"role": "user", "content": "Write 1 random tokens"}]
LONG_ANSWER = Profile.from_dict(yaml.safe_load(members("profile")["long_answer"].read_text()))
QUICK = Profile.from_dict({"name": "quick", "output_tokens": 3})
URL = "http://127.0.0.1:8000/v1"


def play(scene: Callable, app) -> object:
    """Play a scene in virtual time with an application at URL; returns its result and the seconds it took."""

    async def main():
        async with serving(app, port=8000) if isinstance(app, MockApp) else listening(Asgi(app), 8000):
            before = asyncio.get_running_loop().time()
            result = await scene()
            return result, asyncio.get_running_loop().time() - before

    return clock.run(main, clock="virtual")


def llm(**settings) -> Llm:
    return Llm(base_url=URL, api_key="secret-key", **settings)


class Scripted:
    """An application that answers as it is told, and counts."""

    def __init__(
        self, status: Callable[[str, int], int] = lambda *_: 200, delay: Callable[[str], float] = lambda _: 1.0
    ):
        self.status, self.delay = status, delay
        self.seen: list[str] = []
        self.in_flight = self.most_in_flight = 0
        self.clients: set[object] = set()

    async def __call__(self, scope, receive, send):
        request = json.loads((await receive())["body"])
        prompt = request["messages"][0]["content"]
        self.seen.append(prompt)
        self.clients.add(scope["connection"])
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(self.delay(prompt))
        self.in_flight -= 1
        status = self.status(prompt, self.seen.count(prompt))
        message = {"role": "assistant", "content": f"answer to {prompt}"}
        body = {"id": "c", "object": "chat.completion", "created": 1, "model": request["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}  # fmt: skip
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        )
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})


def prompts(n: int) -> list[list[dict]]:
    return [[{"role": "user", "content": str(i)}] for i in range(n)]
