"""Play a script to a client, and notice when the client has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from itertools import groupby
from typing import Any, Protocol

from harness.scripts import NEVER, Event, Script

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class BrokenConnectionError(Exception):
    """The script says that the connection breaks here, in the middle of the answer."""


class Writes(Protocol):
    """Makes messages of events."""

    def write(self, events: list[Event]) -> Iterable[Message]:
        """The messages for events that are due together. Raises BrokenConnectionError at a `break`."""

    @property
    def held(self) -> int:
        """How many of the latest tokens wait for their chunk to fill up."""


class Player:
    """Sends each event of a script at its time, counted from `arrival` on the running loop's clock."""

    def __init__(self, receive: Receive, send: Send, arrival: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._receive = receive
        self._send = send
        self._arrival = arrival
        self._wake: asyncio.Future[None] | None = None
        self._gone: float | None = None
        self._noise: Event | None = None

    async def play(self, script: Script, writer: Writes, sent: list[Any]) -> None:
        """Send what `writer` makes of the events due at each instant, and note in `sent` when it was really sent.

        Returns when the script is over or the client has gone; `disconnected_s` tells which. Raises
        BrokenConnectionError when the script says so.
        """
        watch = self._loop.create_task(self._watch())
        try:
            done = 0
            held: list[Any] = []
            for at, group in _by_instant(script):
                if not await self._until(at):
                    return
                events = list(group)
                due = held + sent[done : done + len(events)]
                try:
                    for message in writer.write(events):
                        await self._send(message)
                except BrokenConnectionError:
                    self._note(due, writer.held)
                    raise
                held = self._note(due, writer.held)
                done += len(events)
                self._noise = next((event for event in events if event.name == "noise"), None)
        finally:
            watch.cancel()

    def _note(self, due: list[Any], held: int) -> list[Any]:
        """Note that what was due is sent, but for the last `held` tokens; gives those."""
        now = self._loop.time() - self._arrival
        for entry in due:
            entry["real_s"] = now
        later = [entry for entry in due if entry["name"] == "token"][-held:] if held else []
        for entry in later:
            entry["real_s"] = None
        return later

    @property
    def disconnected_s(self) -> float | None:
        """Seconds from arrival until the client went away before the end of its answer."""
        return self._gone

    async def _until(self, at: float) -> bool:
        """Wait for an instant, with the noise of a stall if there is any; False when the client went away first."""
        noise = self._noise
        number = 1
        while noise is not None and noise.at_s + number * noise.every_s < at:
            if not await self._wait(noise.at_s + number * noise.every_s):
                return False
            await self._send({"type": "http.response.body", "body": noise.data, "more_body": True})
            number += 1
        return await self._wait(at)

    async def _wait(self, at: float) -> bool:
        """Wait for an instant; False when the client went away first."""
        due = self._arrival + at
        if self._gone is None and due > self._loop.time():
            self._wake = self._loop.create_future()
            timer = None if at == NEVER else self._loop.call_at(due, self._ring)
            try:
                await self._wake
            finally:
                if timer is not None:
                    timer.cancel()
        return self._gone is None

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = self._loop.time() - self._arrival
        self._ring()

    def _ring(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


def _by_instant(script: Script) -> Iterator[tuple[float, Iterator[Event]]]:
    return groupby(script.events, key=lambda event: event.at_s)
