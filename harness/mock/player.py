"""Play a script to a client by timers of the loop, and notice when the client has gone."""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Callable, Sequence

from harness.mock.log import Entry, TruthLog
from harness.mock.pace import Pace, Timer
from harness.mock.writer import Writer
from harness.scripts import NEVER, Event, Script
from harness.wire import Wire

_LOG = logging.getLogger(__name__)


class Playback:
    """One attempt: waits for its slot, sends each event of its script at its time, and meters what it cost.

    `generation` is the script as it would be streamed, whose tokens are counted. `ended` is called once, when nothing
    more happens: the answer is complete, its connection is broken, or its client has gone and nobody works for it.
    """

    __slots__ = (
        *("_arrival", "_base", "_blocked", "_choices", "_ended", "_entry", "_excused", "_generation", "_held"),
        *("_instants", "_log", "_loop", "_next", "_noise", "_noises", "_over", "_pace", "_sent", "_silent", "_stop"),
        *("_timer", "_wire", "_writer", "begun", "waits"),
    )

    def __init__(
        self,
        entry: Entry,
        generation: Script,
        writer: Writer,
        wire: Wire,
        *,
        loop: asyncio.AbstractEventLoop,
        arrival: float,
        choices: int,
        pace: Pace,
        log: TruthLog,
        ended: Callable[[Playback], None],
    ) -> None:
        self._loop = loop
        self._entry = entry
        self._generation = generation
        self._writer = writer
        self._wire = wire
        self._arrival = arrival
        self._choices = choices
        self._pace = pace
        self._log = log
        self._ended = ended
        self._instants = entry.script.instants
        self._next = 0
        self._sent = 0
        self._held: list[int] = []
        self._base = 0.0
        self._timer: Timer | None = None
        self._stop: asyncio.TimerHandle | None = None
        self._noise: Event | None = None
        self._noises = 0
        self._blocked = False
        #: What the client held up is not the server's being late.
        self._excused = False
        self._silent = False
        self._over = False
        self.begun = False
        #: Whether it found no free slot when it came.
        self.waits = False

    def begin(self) -> None:
        """It has a slot: from now on its script runs."""
        self.begun = True
        if self.waits:
            self._entry.queued_s = self._entry.offset_s = self._loop.time() - self._arrival
        self._base = self._pace.at(self._arrival + self._entry.offset_s)
        self._advance()

    # -- what the wire tells

    def gone(self) -> None:
        """The client has closed the connection: stop, unless this server goes on for clients that have gone."""
        if self._over or self._silent:
            return
        self._entry.disconnected_s = self._loop.time() - self._arrival
        self._silent = True
        rest = self._entry.script.ignores_cancel_s
        if rest <= 0 or not self.begun:
            self._end()
            return
        if rest < NEVER:
            self._stop = self._loop.call_later(rest, self._end)
        if self._blocked:
            self.resume()

    def resume(self) -> None:
        """The client reads again."""
        if self._blocked and not self._over:
            self._blocked = False
            self._excused = True
            self._advance()
            self._excused = False

    # -- time

    def _advance(self) -> None:
        """Send all that is due, and wait for the next."""
        while not self._over:
            if self._next == len(self._instants):
                self._end()
                return
            if self._wire.full and not self._silent:
                self._blocked = True
                return
            when = self._base + self._next_at()
            # The first instant may be now, without asking the clock again.
            if when > self._base and when > self._pace.now():
                # What never comes needs no timer.
                self._timer = None if when == NEVER else self._pace.call_at(when, self._ring)
                return
            self._step(self._pace.due(when))

    def _ring(self) -> None:
        self._timer = None
        if self._wire.full and not self._silent:
            self._blocked = True
            return
        self._step(self._pace.due(self._base + self._next_at()))
        self._advance()

    def _next_at(self) -> float:
        """When the next thing is planned, in seconds of the script: an instant of events, or noise before it."""
        at = self._instants[self._next][0]
        if self._noise is not None:
            noise_at = self._noise.at_s + (self._noises + 1) * self._noise.every_s
            if noise_at < at:
                return noise_at
        return at

    def _step(self, due: float) -> None:
        """Do what is due: noise, or the next events; `due` is its instant on the loop's clock."""
        at, events = self._instants[self._next]
        if self._noise is not None and self._next_at() < at:
            self._noises += 1
            if not self._silent:
                self._try(self._writer.noise, self._noise)
            return
        self._next += 1
        first, self._sent = self._sent, self._sent + len(events)
        self._noise = events[-1] if events[-1].name == "noise" else None
        self._noises = 0
        if self._silent:
            return
        if self._try(self._writer.write, events, self._entry.script.events[self._sent :]):
            self._note(first, events, due)

    def _try(self, write: Callable[..., None], *events: Event | Sequence[Event]) -> bool:
        """Whether something could be written; after a bug the client is told and nothing is held any longer."""
        try:
            write(*events)
        except Exception:
            _LOG.exception("a bug in the mock: request %s, attempt %d", self._entry.request, self._entry.attempt)
            try:
                self._writer.fail()
            finally:
                self._end()
            return False
        return True

    def _note(self, first: int, events: tuple[Event, ...], due: float) -> None:
        """Note when events were sent; tokens that wait for their chunk to fill up are not sent yet."""
        entry, now = self._entry, self._loop.time()
        real_s = now - self._arrival
        entry.real[first : first + len(events)] = [real_s] * len(events)
        for number in self._held:
            entry.real[number] = real_s
        held = self._writer.held
        self._held = [first + i for i, event in enumerate(events) if event.name == "token"][-held:] if held else []
        for number in self._held:
            entry.real[number] = None
        planned_s = due - self._arrival
        if abs(planned_s - (entry.offset_s + events[0].at_s)) > 1e-9:
            entry.planned.update(dict.fromkeys(range(first, first + len(events)), planned_s))
        if not self._excused:
            entry.late_s = max(entry.late_s, now - due)
            self._log.lateness.add(now - due, len(events))

    # -- the end

    def _end(self) -> None:
        if self._over:
            return
        self._over = True
        for timer in (self._timer, self._stop):
            if timer is not None:
                timer.cancel()
        self._meter()
        self._ended(self)

    def _meter(self) -> None:
        """Count tokens: generated until the end or the last moment; all of an answer that nobody got is wasted."""
        entry, tokens = self._entry, self._generation.token_times
        complete = entry.complete and entry.script.events[-1].name == "end"
        if complete:
            generated = len(tokens)
        else:
            elapsed = self._pace.now() - self._base if self.begun else -1.0
            generated = bisect_right(tokens, elapsed + 1e-9)
        entry.generated = generated * self._choices
        if complete:
            entry.delivered = entry.generated
        elif entry.stream:
            events = zip(entry.script.events, entry.real, strict=True)
            entry.delivered = (
                sum(event.name == "token" and real_s is not None for event, real_s in events) * self._choices
            )
        entry.wasted = 0 if complete else entry.generated
        if not self.begun:
            entry.queued_s = self._loop.time() - self._arrival
