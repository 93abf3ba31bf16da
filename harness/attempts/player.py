"""Play one request under a strategy: the only place that creates, races and cancels attempts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from harness.draws import uniform
from harness.records import Kind
from harness.strategies import Played
from harness.strategies.memory import Memory
from harness.strategies.situation import NEVER, Launch, Plan, Seen, Situation

T = TypeVar("T")


class AttemptError(Exception):
    """An attempt came to nothing: with what outcome, and whether and when it makes sense to ask again."""

    def __init__(self, outcome: str, text: str, *, retryable: bool = True, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.outcome = outcome
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class GivenUpError(Exception):
    """All attempts came to nothing, or the total deadline passed; `outcome` is the last attempt's, or `timeout`."""

    def __init__(self, outcome: str, text: str) -> None:
        super().__init__(text)
        self.outcome = outcome


class Live(Generic[T]):
    """An attempt under way, through which it reports how far it has come. Instants are read from the loop's clock."""

    def __init__(self, seen: Seen, player: Player[T], clock: Callable[[], float]) -> None:
        self.seen = seen
        #: Why its timer ended it; empty for a race that was lost, None while nobody has given it up.
        self.given_up: str | None = None
        self.partial: T | None = None
        self._player = player
        self._clock = clock
        self._stamped = False

    @property
    def kind(self) -> Kind:
        """What kind of attempt it is."""
        return self.seen.kind

    def headers(self) -> None:
        """The headers are there."""
        self.seen.headers_s = self._clock()
        self._player.changed()

    def content(self) -> None:
        """Content is there, not just bytes or an empty delta; of what was stamped before, this is no news."""
        if not self._stamped:
            self._content(self._clock())

    def content_at(self, instant: float) -> None:
        """Content came in at an instant, and is read when there is time."""
        self._stamped = True
        self._content(instant)

    def _content(self, instant: float) -> None:
        self.seen.last_content_s = instant
        if self.seen.first_content_s is None:
            self.seen.first_content_s = instant
            self._player.heard(self.seen)

    def finish(self, answer: T) -> None:
        """The answer is complete, although its end may still be to come."""
        if self.seen.finished_s is None:
            self.seen.finished_s = self._clock()
            self.partial = answer
            self._player.changed()


class Player(Generic[T]):
    """One request: attempts are begun, raced and given up as the strategy's plan says.

    `attempt` plays one of them to its end, reports to its `Live`, and returns the answer or raises; `judge` says what
    an exception means. When `run` is over, however it ends, no attempt is left running.
    """

    def __init__(
        self,
        strategy: Played,
        memory: Memory,
        attempt: Callable[[Live[T]], Coroutine[Any, Any, T]],
        judge: Callable[[Exception], AttemptError],
        *,
        seed: int = 0,
        key: str = "",
    ) -> None:
        self._strategy = strategy
        self._memory = memory
        self._attempt = attempt
        self._judge = judge
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        # A jitter that depends on seed and request alone, so that equal seeds are equal runs.
        self._situation = Situation(now, now, jitter=lambda attempts: uniform(seed, key, attempts, "back-off"))
        self._lives: list[Live[T]] = []
        self._tasks: list[asyncio.Task[T]] = []
        self._waiter: asyncio.Future[None] | None = None
        self._changed = False
        self._failure: Exception | None = None
        #: The attempt whose answer it was.
        self.winner: Live[T] | None = None

    @property
    def attempts(self) -> list[Seen]:
        """What is known of each attempt."""
        return self._situation.attempts

    async def run(self) -> T:
        """The answer. Raises GivenUpError, its cause being the last attempt's exception, if that one had any."""
        memory, situation = self._memory, self._situation
        memory.waiting[self.changed] = None
        try:
            while True:
                situation.now_s = self._loop.time()
                for number, task in enumerate(self._tasks):
                    if task.done() and situation.attempts[number].ended_s is None and self._harvest(number, task):
                        return task.result()
                plan = self._strategy.plan(situation, memory)
                if plan.accept_s <= situation.now_s:
                    return self._accept()
                if self._act(plan):
                    continue
                if plan.launch is None and not situation.open:
                    last = situation.last_ended
                    raise GivenUpError(last.outcome or "timeout", f"{_times(len(situation.attempts))}")
                await self._wait(plan.next_s)
        except GivenUpError as error:
            raise error from self._failure
        finally:
            memory.waiting.pop(self.changed, None)
            await self._clear()
            memory.finished(self._loop.time() - situation.start_s)

    def changed(self) -> None:
        """Something happened: ask the strategy again."""
        self._changed = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def heard(self, seen: Seen) -> None:
        """An attempt's first content is there."""
        self._memory.heard(seen)
        self.changed()

    # -- acting

    def _act(self, plan: Plan) -> bool:
        """Do what is due; whether anything was. Raises GivenUpError when the total deadline is over."""
        now, acted = self._situation.now_s, False
        if plan.deadline_s <= now:
            self._failure = None
            raise GivenUpError("timeout", f"no answer within {now - self._situation.start_s:g} s in all")
        for number, at_s, why in plan.give_up:
            if at_s <= now:
                self._give_up(number, why)
                acted = True
        if not acted and plan.launch is not None and plan.launch.at_s <= now:
            self._launch(plan.launch)
            acted = True
        return acted

    def _launch(self, launch: Launch) -> None:
        attempts, kind = self._situation.attempts, launch.kind
        round_ = (attempts[-1].round if attempts else 0) + (kind == "retry")
        seen = Seen(len(attempts) + 1, kind, round_, self._situation.now_s)
        live = Live(seen, self, self._loop.time)
        attempts.append(seen)
        self._lives.append(live)
        self._memory.launched(kind, asked=launch.asked)
        task = self._loop.create_task(self._attempt(live))
        task.add_done_callback(lambda _: self.changed())
        self._tasks.append(task)

    def _give_up(self, number: int, why: str) -> None:
        live = self._lives[number - 1]
        live.given_up = why
        self._tasks[number - 1].cancel()
        self._end(live.seen, "timeout" if why else "cancelled")
        if why:
            # What an attempt before it came to is not why the request fails, should it fail now.
            self._failure = None

    def _end(self, seen: Seen, outcome: str, *, useful: bool = False) -> None:
        seen.ended_s, seen.outcome = self._loop.time(), outcome
        self._memory.ended(seen, useful=useful, now_s=seen.ended_s)

    def _harvest(self, number: int, task: asyncio.Task[T]) -> bool:
        """Take in an attempt that has ended; whether it brought the answer."""
        seen = self._situation.attempts[number]
        if task.cancelled():
            # Nobody here has cancelled it: its own code did, as a timeout scope may.
            failure: Exception = AttemptError("cancelled", "the attempt was cancelled from inside")
        else:
            error = task.exception()
            if error is None:
                self._win(seen)
                return True
            if not isinstance(error, Exception):
                raise error
            failure = error
        self._failure = failure
        judged = self._judge(failure)
        seen.retryable, seen.retry_after_s = judged.retryable, judged.retry_after_s
        self._end(seen, judged.outcome)
        return False

    def _accept(self) -> T:
        """Take the finished answer whose end does not come."""
        for live, task in zip(self._lives, self._tasks, strict=True):
            if live.seen.open and live.seen.finished_s is not None and live.partial is not None:
                task.cancel()
                self._win(live.seen)
                return live.partial
        raise RuntimeError("a plan accepts only what has finished")

    def _win(self, seen: Seen) -> None:
        self.winner = self._lives[seen.number - 1]
        self._end(seen, "ok", useful=True)

    # -- waiting

    async def _wait(self, until_s: float) -> None:
        """Until something happens, or until that instant."""
        if self._changed:
            self._changed = False
            return
        self._waiter = self._loop.create_future()
        timer = None if until_s == NEVER else self._loop.call_at(until_s, self._ring)
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._changed = False
            if timer is not None:
                timer.cancel()

    def _ring(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _clear(self) -> None:
        """Cancel what is left, and wait until it has let go of its connections."""
        for number, task in enumerate(self._tasks):
            if not task.done():
                task.cancel()
            if self._situation.attempts[number].open:
                self._end(self._situation.attempts[number], "cancelled")
        left = [task for task in self._tasks if not task.done()]
        if left:
            await asyncio.wait(left)
        for task in self._tasks:
            # Exceptions of attempts that lost are nobody's business, but asyncio reports those that nobody looked at.
            if not task.cancelled():
                task.exception()


def _times(attempts: int) -> str:
    return "the only attempt came to nothing" if attempts == 1 else f"all {attempts} attempts came to nothing"
