"""The mock: an OpenAI-compatible ASGI application that plays scripts drawn from a profile."""

from __future__ import annotations

import asyncio
import json
from hashlib import blake2b
from typing import Any

from pydantic import ValidationError

from harness.mock.chat import CREATED, Answer
from harness.mock.log import Line, TruthLog
from harness.mock.player import BrokenConnectionError, Message, Player, Receive, Send
from harness.mock.request import MAX_TOKENS, ApiError, ChatRequest
from harness.mock.writer import JSON, Writer
from harness.profiles import Profile
from harness.scripts import Script

MAX_BODY = 16 * 2**20
MODELS = ("gpt-3.5-turbo-1106", "gpt-4o", "gpt-4o-mini", "mock")


class MockApp:
    """Answers every attempt by the script that `profile` draws for it.

    `X-Harness-Request` names the logical request; without it, requests are numbered as they arrive. Attempts are
    counted per request within `X-Harness-Scope`, and `X-Harness-Seed` overrides `seed` for the draws.
    """

    def __init__(self, profile: Profile, seed: int = 0) -> None:
        self.profile = profile
        self.seed = seed
        self.log = TruthLog()
        self._unnamed = 0
        self._routes = {
            "/v1/chat/completions": {"POST": self._chat},
            "/v1/models": {"GET": self._models},
            "/health": {"GET": self._health},
            "/metrics": {"GET": self._metrics},
            "/_harness/log": {"GET": self._get_log},
            "/_harness/reset": {"POST": self._reset},
            "/_harness/profile": {"GET": self._get_profile, "PUT": self._put_profile},
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request. A lifespan or websocket scope is not served."""
        if scope["type"] != "http":
            raise RuntimeError(f"the mock speaks HTTP only, not {scope['type']}")
        arrival = asyncio.get_running_loop().time()
        try:
            methods = self._routes.get(scope["path"])
            if methods is None:
                message = f"Invalid URL ({scope['method']} {scope['path']})"
                raise ApiError(404, message, code="unknown_url")
            handler = methods.get(scope["method"])
            if handler is None:
                message = f"Not allowed to {scope['method']} on {scope['path']}; use {' or '.join(methods)}."
                raise ApiError(405, message, code="method_not_supported")
            await handler(scope, receive, send, arrival)
        except ApiError as error:
            self.log.statuses[error.status] += 1
            await _reply(send, error.status, _json(error.body), JSON, self._error_id())
        except _ClientGoneError:
            return

    # -- chat completions

    async def _chat(self, scope: Message, receive: Receive, send: Send, arrival: float) -> None:
        request = ChatRequest.parse(await _body(receive))
        headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name.startswith(b"x-harness")}
        key = headers.get(b"x-harness-request") or self._next_number()
        trial = headers.get(b"x-harness-scope", "")
        seed = _seed(headers.get(b"x-harness-seed")) if b"x-harness-seed" in headers else self.seed
        attempt = self.log.next_attempt(trial, key)
        identity = f"{seed}/{trial}/{key}/{attempt}"
        profile = self.profile
        answer = Answer(request, length=_length(request, profile), text_key=f"{seed}/{key}", attempt_key=identity)
        generation = profile.script(seed, key, attempt, tokens=answer.tokens)
        script = generation if request.stream else generation.all_at_the_end()
        line = self.log.open(request=key, scope=trial, attempt=attempt, seed=seed, model=request.model, script=script)
        line["stream"] = request.stream
        player = Player(receive, send, arrival)
        writer = Writer(answer, profile, line)
        try:
            await player.play(script, writer, line["events"])
        except BrokenConnectionError:
            # Returning without the end of the body makes the server drop the connection.
            return
        finally:
            # A server that cancels the application on disconnect must leave a true line too.
            elapsed = asyncio.get_running_loop().time() - arrival
            if line["events"][-1]["real_s"] is None:
                line["disconnected_s"] = elapsed if player.disconnected_s is None else player.disconnected_s
            self._meter(line, generation, elapsed, request.n)
            self.log.close(line)

    def _meter(self, line: Line, generation: Script, elapsed: float, choices: int) -> None:
        """Count tokens: generated until the end or the disconnect; all of an answer that nobody got is wasted."""
        complete = line["events"][-1]["real_s"] is not None and line["events"][-1]["name"] == "end"
        tokens = [event.at_s for event in generation.events if event.name == "token"]
        generated = len(tokens) if complete else sum(at <= elapsed + 1e-9 for at in tokens)
        line["tokens_generated"] = generated * choices
        if line["stream"]:
            sent = sum(entry["name"] == "token" and entry["real_s"] is not None for entry in line["events"])
            line["tokens_delivered"] = sent * choices
        elif complete:
            line["tokens_delivered"] = generated * choices
        line["tokens_wasted"] = 0 if complete else line["tokens_generated"]

    def _error_id(self) -> tuple[bytes, bytes]:
        number = f"{self.seed}/error/{self.log.statuses.total()}"
        return b"x-request-id", f"req_{blake2b(number.encode(), digest_size=12).hexdigest()}".encode()

    def _next_number(self) -> str:
        self._unnamed += 1
        return str(self._unnamed - 1)

    # -- everything else

    async def _models(self, scope: Message, receive: Receive, send: Send, arrival: float) -> None:  # noqa: ARG002 - handlers are called alike
        models = [{"id": name, "object": "model", "created": CREATED, "owned_by": "harness"} for name in MODELS]
        await _reply(send, 200, _json({"object": "list", "data": models}))

    async def _health(self, scope: Message, receive: Receive, send: Send, arrival: float) -> None:  # noqa: ARG002 - as above
        await _reply(send, 200, _json({"status": "ok", "profile": self.profile.name, "seed": self.seed}))

    async def _metrics(self, scope: Message, receive: Receive, send: Send, arrival: float) -> None:  # noqa: ARG002 - as above
        await _reply(send, 200, self.log.prometheus(), (b"content-type", b"text/plain; version=0.0.4; charset=utf-8"))

    async def _get_log(self, scope: Message, receive: Receive, send: Send, arrival: float) -> None:  # noqa: ARG002 - as above
        dropped = (b"x-harness-dropped", str(self.log.dropped).encode())
        await _reply(send, 200, self.log.jsonl(), (b"content-type", b"application/jsonl"), dropped)

    async def _reset(self, scope: Message, receive: Receive, send: Send, arrival: float) -> None:  # noqa: ARG002 - as above
        self.log.reset()
        self._unnamed = 0
        await _reply(send, 200, _json({"status": "ok"}))

    async def _get_profile(self, scope: Message, receive: Receive, send: Send, arrival: float) -> None:  # noqa: ARG002 - as above
        await _reply(send, 200, _json(self.profile.to_dict()))

    async def _put_profile(self, scope: Message, receive: Receive, send: Send, arrival: float) -> None:
        try:
            self.profile = Profile.from_dict(json.loads(await _body(receive)))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "profile"
            raise ApiError(400, f"{place}: {first['msg']}", param=place, code="invalid_profile") from None
        except (ValueError, RecursionError):
            raise ApiError(400, "The body must be the JSON of a profile.", code="invalid_profile") from None
        await self._get_profile(scope, receive, send, arrival)


class _ClientGoneError(Exception):
    """The client went away before its request was read."""


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientGoneError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY:
            raise ApiError(413, f"The body is larger than {MAX_BODY} bytes.", code="request_too_large")
        if not message.get("more_body", False):
            return b"".join(parts)


async def _reply(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*(headers or (JSON,)), length]})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _length(request: ChatRequest, profile: Profile) -> int:
    """The tokens of each choice. Raises ApiError when they are too many together."""
    length = request.limit or profile.output_tokens
    if length * request.n > MAX_TOKENS:
        message = f"Invalid 'n': {request.n} choices of {length} tokens are more than {MAX_TOKENS} together."
        raise ApiError(400, message, param="n", code="invalid_value")
    return length


def _seed(text: str | None) -> int:
    try:
        return int(text or "")
    except ValueError:
        raise ApiError(400, "X-Harness-Seed must be an integer.", param="X-Harness-Seed") from None


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
