"""The mock: an OpenAI-compatible application that plays scripts drawn from a profile."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator

from pydantic import ValidationError

from harness.errors import UserError
from harness.faults import Fault
from harness.mock import request as asked
from harness.mock.answers import Answer, ChatAnswer, ResponsesAnswer, TextAnswer, dump, embeddings
from harness.mock.answers.words import CREATED, identifier
from harness.mock.attempts import Attempts
from harness.mock.log import TruthLog
from harness.mock.request import ApiError, Question
from harness.mock.writer import JSON
from harness.profiles import Profile
from harness.wire import Exchange, Header, HttpRequest, Wire

MODELS = ("gpt-3.5-turbo-1106", "gpt-4o", "gpt-4o-mini", "mock")

_LOG = logging.getLogger(__name__)

Handler = Callable[[HttpRequest, Wire], Exchange]


class MockApp:
    """Answers every attempt by the script that `profile` draws for it.

    `X-Harness-Request` names the logical request; without it, requests are numbered as they arrive. Attempts are
    counted per request within `X-Harness-Scope`, and `X-Harness-Seed` overrides `seed` for the draws.
    """

    def __init__(self, profile: Profile, seed: int = 0, *, keep: int = 100_000) -> None:
        """Its log keeps so many lines."""
        self.seed = seed
        self.log = TruthLog(keep)
        #: What a new profile must pass, by raising UserError: servers add what they cannot do.
        self.checks: list[Callable[[Profile], None]] = []
        self._attempts = Attempts(profile, seed, self.log)
        self._routes: dict[str, dict[str, Handler]] = {
            "/v1/chat/completions": {"POST": self._answers(asked.chat, ChatAnswer)},
            "/v1/completions": {"POST": self._answers(asked.completion, TextAnswer)},
            "/v1/responses": {"POST": self._answers(asked.response, ResponsesAnswer)},
            "/v1/embeddings": {"POST": self._embeddings},
            "/v1/models": {"GET": self._models},
            "/health": {"GET": self._health},
            "/metrics": {"GET": self._metrics},
            "/_harness/log": {"GET": self._get_log},
            "/_harness/reset": {"POST": self._reset},
            "/_harness/profile": {"GET": self._get_profile, "PUT": self._put_profile},
        }

    @property
    def profile(self) -> Profile:
        """How it behaves."""
        return self._attempts.profile

    @profile.setter
    def profile(self, profile: Profile) -> None:
        """What is under way goes on as before; slots and limits begin anew."""
        self._attempts = Attempts(profile, self.seed, self.log, before=self._attempts)

    def handle(self, request: HttpRequest, wire: Wire) -> Exchange:
        """Begin to answer one HTTP request."""
        try:
            methods = self._routes.get(request.path)
            if methods is None:
                message = f"Invalid URL ({request.method} {request.path})"
                raise ApiError(404, message, code="unknown_url")
            handler = methods.get("GET" if request.method == "HEAD" else request.method)
            if handler is None:
                message = f"Not allowed to {request.method} on {request.path}; use {' or '.join(methods)}."
                raise ApiError(405, message, code="method_not_supported")
            return handler(request, wire)
        except ApiError as error:
            return self.refuse(error, wire)
        except Exception:
            _LOG.exception("a bug in the mock: %s %s", request.method, request.path)
            return self.refuse(asked.internal_error(), wire)

    def hears(self, request: HttpRequest, wire: Wire) -> Exchange | None:
        """Whether to read a large body: an exchange when a fault has it that nobody does."""
        if request.path not in self._routes or request.method != "POST":
            return None
        return self._attempts.unread(request, wire)

    def refuse(self, error: ApiError, wire: Wire) -> Exchange:
        """Answer with an error in OpenAI's shape, and a request id of its own."""
        self.log.statuses[error.status] += 1
        number = f"{self.seed}/error/{self.log.statuses.total()}"
        name = (b"x-request-id", b"req_" + identifier(number).encode())
        return _reply(wire, error.status, dump(error.body), JSON, name, *error.headers)

    def connection_fault(self, number: int) -> Fault | None:
        """What the `number`th connection meets before any request came over it."""
        return self._attempts.connection_fault(number)

    # -- answers

    def _answers(self, parse: Callable[[bytes], Question], kind: type[Answer]) -> Handler:
        def handle(request: HttpRequest, wire: Wire) -> Exchange:
            return self._attempts.begin(request, wire, parse(request.body), kind)

        return handle

    def _embeddings(self, request: HttpRequest, wire: Wire) -> Exchange:
        texts = asked.embedding(request.body)
        question = Question(model=texts.model, prompt_tokens=texts.prompt_tokens, limit=1)

        class Vectors(ChatAnswer):
            """Vectors instead of a message, at the same times."""

            def body(self, finish_reason: str) -> bytes:  # noqa: ARG002 - vectors are always whole
                """The whole answer."""
                return embeddings(texts)

        return self._attempts.begin(request, wire, question, Vectors)

    # -- everything else

    def _models(self, request: HttpRequest, wire: Wire) -> Exchange:  # noqa: ARG002 - handlers are called alike
        models = [{"id": name, "object": "model", "created": CREATED, "owned_by": "harness"} for name in MODELS]
        return _reply(wire, 200, dump({"object": "list", "data": models}))

    def _health(self, request: HttpRequest, wire: Wire) -> Exchange:  # noqa: ARG002 - as above
        status = {"status": "ok", "profile": self.profile.name, "seed": self.seed, "timing": self.log.timing()}
        return _reply(wire, 200, dump(status))

    def _metrics(self, request: HttpRequest, wire: Wire) -> Exchange:  # noqa: ARG002 - as above
        kind = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
        return _reply(wire, 200, self.log.prometheus(queued=self._attempts.waiting), kind)

    def _get_log(self, request: HttpRequest, wire: Wire) -> Exchange:  # noqa: ARG002 - as above
        dropped = (b"x-harness-dropped", str(self.log.dropped).encode())
        late = (b"x-harness-late", str(self.log.late).lower().encode())
        headers = [(b"content-type", b"application/jsonl"), dropped, late]
        return Pieces(wire, self.log.jsonl(), headers)

    def _reset(self, request: HttpRequest, wire: Wire) -> Exchange:  # noqa: ARG002 - as above
        self.log.reset()
        self._attempts = Attempts(self.profile, self.seed, self.log)
        return _reply(wire, 200, dump({"status": "ok"}))

    def _get_profile(self, request: HttpRequest, wire: Wire) -> Exchange:  # noqa: ARG002 - as above
        return _reply(wire, 200, dump(self.profile.to_dict()))

    def _put_profile(self, request: HttpRequest, wire: Wire) -> Exchange:
        try:
            profile = Profile.from_dict(json.loads(request.body))
            for check in self.checks:
                check(profile)
            self.profile = profile
        except UserError as error:
            raise ApiError(400, str(error), code="invalid_profile") from None
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "profile"
            raise ApiError(400, f"{place}: {first['msg']}", param=place, code="invalid_profile") from None
        except (ValueError, RecursionError):
            raise ApiError(400, "The body must be the JSON of a profile.", code="invalid_profile") from None
        return self._get_profile(request, wire)


class Pieces:
    """An answer of many pieces, between which others have their turn."""

    def __init__(self, wire: Wire, pieces: Iterator[bytes], headers: list[Header]) -> None:
        self._wire = wire
        self._pieces = pieces
        self._loop = asyncio.get_running_loop()
        self._over = False
        wire.start(200, headers)
        self._next: asyncio.Handle | None = self._loop.call_soon(self.resume)

    def resume(self) -> None:
        """Write the next piece, unless the client has not read those before it."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._over or self._wire.full:
            return
        piece = next(self._pieces, None)
        if piece is None:
            self._over = True
            self._wire.end()
            return
        self._wire.send(piece)
        self._wire.flush()
        self._next = self._loop.call_soon(self.resume)

    def gone(self) -> None:
        """The client has gone."""
        self._over = True


class _Over:
    """An exchange that is over as soon as it began."""

    def gone(self) -> None:
        """Nobody waits for anything."""

    def resume(self) -> None:
        """All is written."""


_OVER = _Over()


def _reply(wire: Wire, status: int, body: bytes, *headers: Header) -> Exchange:
    wire.start(status, [*(headers or (JSON,)), (b"content-length", str(len(body)).encode())])
    wire.send(body)
    wire.end()
    return _OVER
