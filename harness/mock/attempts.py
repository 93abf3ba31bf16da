"""Attempts at answers: whose they are, what they meet, and whether there is room for them."""

from __future__ import annotations

import asyncio
import hashlib
import json

from harness.faults import Fault, Meeting
from harness.mock.answers import Answer, ChatAnswer
from harness.mock.limits import Limits
from harness.mock.log import Entry, TruthLog
from harness.mock.pace import Pace, SharedPace, SteadyPace
from harness.mock.player import Playback
from harness.mock.request import MAX_TOKENS, ApiError, Question
from harness.mock.slots import Slots
from harness.mock.unnamed import RETRY_COUNT, Unnamed
from harness.mock.writer import Writer
from harness.profiles import Profile
from harness.scripts import Event, Reply, Script
from harness.wire import Exchange, HttpRequest, Wire

#: Names of requests and scopes beyond it are not worth their memory.
MAX_NAME = 256
_NAME, _SCOPE, _SEED = b"x-harness-request", b"x-harness-scope", b"x-harness-seed"


class Attempts:
    """Plays the attempts of one profile, from their arrival to their line in the log."""

    def __init__(self, profile: Profile, seed: int, log: TruthLog, before: Attempts | None = None) -> None:
        self.profile = profile
        self._seed = seed
        self._log = log
        self._unnamed: Unnamed = Unnamed() if before is None else before._unnamed
        self._running: _Running | None = None
        self._before = None if before is None else before._running

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return 0 if self._running is None else self._running.slots.waiting

    def connection_fault(self, number: int) -> Fault | None:
        """What the `number`th connection meets before any request came over it."""
        return self.profile.connection_fault(self._seed, number, self._on_loop().since_first(""))

    def begin(self, request: HttpRequest, wire: Wire, question: Question, kind: type[Answer]) -> Exchange:
        """Answer a question over a wire. Raises ApiError when it asks for too much."""
        running = self._on_loop()
        profile, arrival = self.profile, running.loop.time()
        length = question.limit or profile.output_tokens
        if length * question.n > MAX_TOKENS:
            message = f"Invalid 'n': {question.n} choices of {length} tokens are more than {MAX_TOKENS} together."
            raise ApiError(400, message, param="n", code="invalid_value")
        scope, key, seed = self._identity(request)
        prompt = None
        if key:
            attempt = self._log.next_attempt(scope, key)
        else:
            key, attempt = self._unnamed.arrived(request.headers, request.body)
            prompt = _digest(request.body) if profile.knows_prompts else None
        answer = kind(question, length=length, text_key=f"{seed}/{key}", attempt_key=f"{seed}/{scope}/{key}/{attempt}")
        refusal = running.limits.refusal(question.prompt_tokens + length * question.n, arrival)
        if refusal is not None:
            generation = Script((Event("reply", 0.0, reply=refusal),), fault="rate_limit")
        elif running.slots.full:
            reply = _overloaded(int(profile.load.overflow))
            generation = Script((Event("reply", 0.0, reply=reply),), fault="overflow")
        else:
            generation = self._script(answer, (scope, key, seed, attempt), wire, prompt)
        entry = self._entry(request, question, generation, (scope, key, seed, attempt), wire)
        writer = Writer(
            wire,
            answer,
            entry,
            per_chunk=profile.tokens_per_chunk,
            natural_length=profile.output_tokens,
            headers=running.limits.headers(arrival),
        )
        turned_away = generation.fault in _TURNED_AWAY
        playback = Playback(
            entry,
            generation,
            writer,
            wire,
            loop=running.loop,
            arrival=arrival,
            choices=question.n,
            pace=running.pace,
            log=self._log,
            ended=lambda played: running.ended(played, entry, self._log, held=not turned_away),
        )
        # Only now, when nothing can go wrong any more before the playback is there to close it.
        self._log.open(entry)
        if turned_away:
            playback.begin()
        else:
            running.slots.enter(playback)
        return playback

    def unread(self, request: HttpRequest, wire: Wire) -> Exchange | None:
        """An exchange that never answers, when the fault of this attempt is that its body is not read."""
        if not any(fault.name == "accepted_unread" for fault in self.profile.faults):
            return None
        scope, key, seed = self._identity(request)
        key = key or str(self._unnamed.next)
        attempt = self._log.attempts(scope, key) + 1
        script = self.profile.script(seed, key, attempt, meeting=self._meeting(scope, key, attempt, wire))
        if script.fault != "accepted_unread":
            return None
        # Nothing of the body is known, not even whether the answer is to be streamed.
        return self.begin(request, wire, Question(model="", prompt_tokens=0), ChatAnswer)

    # -- what one attempt meets

    def _script(self, answer: Answer, identity: tuple[str, str, int, int], wire: Wire, prompt: str | None) -> Script:
        scope, key, seed, attempt = identity
        meeting = self._meeting(scope, key, attempt, wire, prompt) if self.profile.faults else Meeting()
        script = self.profile.script(
            seed, key, attempt, tokens=answer.tokens, openings=answer.openings, meeting=meeting
        )
        ignores = self.profile.load.ignores_cancel_s
        return script if ignores <= script.ignores_cancel_s else script.ignoring_cancel(ignores)

    def _meeting(self, scope: str, key: str, attempt: int, wire: Wire, prompt: str | None = None) -> Meeting:
        connection = wire.connection
        if connection.first is None:
            connection.first = (key, attempt)
        return Meeting(
            now_s=self._on_loop().since_first(scope),
            first=connection.first,
            served=connection.served,
            idle_s=connection.idle_s,
            in_flight=self._log.counts["in_flight"],
            connecting=wire.connecting,
            prompt=prompt,
        )

    def _identity(self, request: HttpRequest) -> tuple[str, str, int]:
        """Scope, name (empty: it has none) and seed of a request. Raises ApiError."""
        headers = request.headers
        key = headers.get(_NAME, b"").decode("latin-1")[:MAX_NAME]
        scope = headers.get(_SCOPE, b"").decode("latin-1")[:MAX_NAME]
        text = headers.get(_SEED)
        try:
            seed = self._seed if text is None else int(text)
        except ValueError:
            raise ApiError(400, "X-Harness-Seed must be an integer.", param="X-Harness-Seed") from None
        return scope, key, seed

    def _entry(
        self,
        request: HttpRequest,
        question: Question,
        generation: Script,
        identity: tuple[str, str, int, int],
        wire: Wire,
    ) -> Entry:
        scope, key, seed, attempt = identity
        retry = request.headers.get(RETRY_COUNT, b"")
        return Entry(
            request=key,
            scope=scope,
            attempt=attempt,
            seed=seed,
            model=question.model,
            script=generation if question.stream else generation.all_at_the_end(),
            stream=question.stream,
            sdk_retry=int(retry) if retry.isdigit() and len(retry) < 10 else None,
            served=wire.connection.served,
        )

    def _on_loop(self) -> _Running:
        loop = asyncio.get_running_loop()
        if self._running is None or self._running.loop is not loop:
            same = self._before is not None and self._before.loop is loop
            began = self._before.began if same and self._before is not None else {}
            self._running = _Running(self.profile, loop, began)
        return self._running


class _Running:
    """What needs a running loop: the clock of work, the slots and the limits."""

    def __init__(self, profile: Profile, loop: asyncio.AbstractEventLoop, began: dict[str, float]) -> None:
        load = profile.load
        self.loop = loop
        #: When the first request of each scope came: windows of time are counted from there.
        self.began = began
        self.pace: Pace = SharedPace(self.loop, load.speed) if load.slows else SteadyPace(self.loop)
        self.slots = Slots(load, self.pace)
        self.limits = Limits(load, self.loop.time())

    def since_first(self, scope: str) -> float:
        """Seconds since the first request of a scope."""
        now = self.loop.time()
        return now - self.began.setdefault(scope, now)

    def ended(self, playback: Playback, entry: Entry, log: TruthLog, *, held: bool) -> None:
        """Write the last of an attempt, and let the next one have its slot."""
        log.close(entry)
        if held:
            self.slots.leave(playback, served=playback.begun)


def _digest(body: bytes) -> str:
    """Names what is asked by requests that have no name: equal bodies are the same prompt."""
    return "body " + hashlib.blake2b(body, digest_size=16).hexdigest()


#: Attempts that are answered without being served.
_TURNED_AWAY = {"rate_limit", "overflow"}


def _overloaded(status: int) -> Reply:
    """What an attempt finds when the queue is full."""
    kind, text = ("requests", "Too many requests.") if status == 429 else ("server_error", "The server is overloaded.")
    error = {"message": f"{text} Try again later.", "type": kind, "param": None, "code": "overloaded"}
    return Reply(status, json.dumps({"error": error}).encode())
