"""An event loop whose clock jumps to the next timer instead of waiting for it."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from asyncio.events import Handle, TimerHandle
from collections import deque
from collections.abc import Callable
from contextvars import Context
from heapq import heapify, heappop, heappush
from selectors import BaseSelector
from threading import get_ident
from typing import Any

from harness.clock.errors import Deadlock, ForeignThread, Livelock
from harness.clock.memory import MemoryLoop
from harness.clock.pending import describe

_POLL_EVERY = 1024  # iterations between two looks at signals and at what other threads handed in
_STARVED = 16 * _POLL_EVERY  # iterations after which threads are let in although something is always ready
_SWEEP_ABOVE = 100  # cancelled timers that may lie about before the heap is swept


class VirtualLoop(MemoryLoop):
    """A selector loop in virtual time: `time()` starts at 0.0 and equals each timer's due time exactly when it runs.

    Timers due at the same instant run in the order in which they were set. Functions given to an executor run at once,
    in the loop's own thread, and take no time. While a worker thread of anyio works for this loop the clock stands
    still, and what threads hand in is admitted when nothing else is left to do, in an order that does not depend on
    the threads' speed.

    `livelock_limit`: iterations without the clock moving before `Livelock` is raised. `worker_grace_s`: real seconds
    that busy anyio workers get, and `thread_grace_s`: those that any other thread gets, before `Deadlock` is raised.
    """

    # The base class's own, which the published type stubs do not know.
    _ready: deque[Handle]
    _selector: BaseSelector
    _stopping: bool
    _closed: bool
    _thread_id: int | None
    _check_closed: Callable[[], None]
    _read_from_self: Callable[[], None]
    _write_to_self: Callable[[], None]

    def __init__(
        self, *, livelock_limit: int = 1_000_000, worker_grace_s: float = 10.0, thread_grace_s: float = 0.1
    ) -> None:
        # The base class asks for the time while it is made.
        self._now = 0.0
        super().__init__()
        self._timers: list[tuple[float, int, TimerHandle]] = []
        self._cancelled_timers = 0
        self._sequence = 0
        self._iterations = 0
        self._still = 0
        self._arrivals: deque[tuple[threading.Thread, Handle]] = deque()
        self._trespass: str | None = None
        self._livelock_limit = livelock_limit
        self._worker_grace_s = worker_grace_s
        self._thread_grace_s = thread_grace_s

    is_virtual = True

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    # -- scheduling

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Handle:  # type: ignore[override]  # the stub's TypeVarTuple has no spelling in an override
        """Run a callback in the next iteration; raises `ForeignThread` outside the loop's own thread."""
        if self._thread_id is not None and self._thread_id != get_ident():
            raise self._foreign_thread(callback)
        if self._closed or self.get_debug():
            return super().call_soon(callback, *args, context=context)
        handle = Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]  # as above
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> TimerHandle:
        """Run a callback at exactly the instant `when`; equal instants are first in, first out."""
        if self._thread_id is not None and self._thread_id != get_ident():
            raise self._foreign_thread(callback)
        self._check_closed()
        if when != when:  # noqa: PLR0124  # the quickest test for NaN, which would spoil the order of the heap
            raise ValueError("a timer cannot be due at NaN")
        timer = TimerHandle(when, callback, args, self, context)
        self._sequence += 1
        heappush(self._timers, (when, self._sequence, timer))
        timer._scheduled = True  # type: ignore[attr-defined]  # makes the handle report its cancellation
        return timer

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Handle:  # type: ignore[override]  # as above
        """Hand in a callback from any thread; it runs once the loop has nothing else to do at this instant."""
        if self._thread_id is None or self._thread_id == get_ident():
            return super().call_soon_threadsafe(callback, *args, context=context)
        self._check_closed()
        handle = Handle(callback, args, self, context)
        self._arrivals.append((threading.current_thread(), handle))
        self._write_to_self()
        return handle

    def run_in_executor(  # type: ignore[override]  # as above
        self,
        executor: Any,  # noqa: ARG002  # whichever it is, the work is done here and now
        func: Callable[..., Any],
        *args: Any,
    ) -> asyncio.Future[Any]:
        """Call the function at once, in this thread; it sees no running loop, as it would in a thread of its own."""
        self._check_closed()
        future = self.create_future()
        running = asyncio._get_running_loop()
        asyncio._set_running_loop(None)
        try:
            future.set_result(func(*args))
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            future.set_exception(error)
        finally:
            asyncio._set_running_loop(running)
        return future

    def _timer_handle_cancelled(self, handle: TimerHandle) -> None:
        if not handle._scheduled:  # type: ignore[attr-defined]  # see call_at
            return
        self._cancelled_timers += 1
        # Request timeouts are set for minutes and cancelled at once: without sweeping they would pile up.
        if self._cancelled_timers > _SWEEP_ABOVE and self._cancelled_timers * 2 > len(self._timers):
            self._timers[:] = [entry for entry in self._timers if not entry[2]._cancelled]
            heapify(self._timers)
            self._cancelled_timers = 1  # this one, which is marked only after this call

    # -- the engine

    def _run_once(self) -> None:
        ready, timers = self._ready, self._timers
        self._iterations += 1
        if not self._iterations % _POLL_EVERY:
            self._listen(0)
            self._guard_livelock()
        if ready or self._stopping:
            self._still += 1
        else:
            self._advance()
        now = self._now
        while timers and timers[0][0] <= now:
            timer = heappop(timers)[2]
            timer._scheduled = False  # type: ignore[attr-defined]  # see call_at
            if timer._cancelled:
                self._cancelled_timers -= 1
            else:
                ready.append(timer)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _advance(self) -> None:
        """Move the clock to the next timer, when neither this thread nor a worker has anything left to do."""
        if self._arrivals or threading.active_count() > 1:
            self._admit_arrivals()
            if self._ready:
                self._still += 1
                return
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heappop(timers)[2]._scheduled = False  # type: ignore[attr-defined]  # see call_at
            self._cancelled_timers -= 1
        if not timers or timers[0][0] == math.inf:
            self._give_threads_a_chance()
        elif timers[0][0] > self._now:
            self._now = float(timers[0][0])
            self._still = 0
        else:
            self._still += 1

    def _admit_arrivals(self) -> None:
        """Queue what other threads handed in, in the order in which the threads were started."""
        deadline = time.monotonic() + self._worker_grace_s
        while not self._ready and (busy := self._busy_workers()):
            patience = deadline - time.monotonic()
            if patience <= 0:
                raise Deadlock(self._worker_report(busy[0]))
            # A worker reports just before it counts as free, and nothing tells of that: look again soon.
            self._listen(min(patience, 0.001))
        if not self._arrivals:
            return
        rank = {thread: place for place, thread in enumerate(threading.enumerate())}
        arrivals = [self._arrivals.popleft() for _ in range(len(self._arrivals))]
        arrivals.sort(key=lambda arrival: rank.get(arrival[0], len(rank)))
        self._ready.extend(handle for _, handle in arrivals)

    def _busy_workers(self) -> list[threading.Thread]:
        """Threads of `anyio.to_thread` that hold work of this loop and so are certain to report, but have not yet."""
        reported = {thread for thread, _ in self._arrivals}
        return [
            thread
            for thread in threading.enumerate()
            if getattr(thread, "loop", None) is self
            and getattr(getattr(thread, "queue", None), "unfinished_tasks", 0) > 0
            and thread not in reported
        ]

    def _listen(self, seconds: float) -> None:
        """Wait in real time for a signal or another thread; the loop's own pipe is all that is registered."""
        if self._selector.select(seconds):
            self._read_from_self()

    def _give_threads_a_chance(self) -> None:
        """Raise `Deadlock`, unless another thread hands something in within its grace."""
        deadline = time.monotonic() + self._thread_grace_s
        while not self._ready and not self._arrivals:
            patience = deadline - time.monotonic()
            if patience <= 0 or threading.active_count() == 1:
                raise Deadlock(self._deadlock_report())
            self._listen(patience)

    def _guard_livelock(self) -> None:
        if self._still >= self._livelock_limit:
            raise Livelock(
                f"Livelock at {self._now} s: the clock stood still for {self._still:,} iterations of the loop, since "
                "something is always ready to run.\nLook for a loop around sleep(0) or call_soon, and let it wait for "
                f"an event or sleep for some time; or raise livelock_limit.\n{describe(self)}"
            )
        if self._arrivals and self._still >= _STARVED:
            self._admit_arrivals()

    # -- words

    def _deadlock_report(self) -> str:
        never = " (timers at infinity never fire)" if self._timers else ""
        report = (
            f"Deadlock at {self._now} s: nothing is ready to run and no timer is set{never}, so virtual time cannot "
            "go on; in real time this would hang.\nGive the wait a timeout, or make sure that whatever should end it "
            f"is still running.\n{describe(self)}"
        )
        return f"{report}\nBefore that: {self._trespass}" if self._trespass else report

    def _worker_report(self, worker: threading.Thread) -> str:
        return (
            f"Deadlock at {self._now} s: the thread {worker.name!r} has been busy for {self._worker_grace_s} real "
            "seconds, and virtual time stands still until it reports.\nWork in threads must be short and must not "
            f"wait for virtual time (as anyio.from_thread.run does).\n{describe(self)}"
        )

    def _foreign_thread(self, callback: Callable[..., Any]) -> ForeignThread:
        name = getattr(callback, "__qualname__", None) or repr(callback)
        self._trespass = (
            f"the thread {threading.current_thread().name!r} scheduled {name} on a loop that runs in another thread."
        )
        return ForeignThread(
            f"{self._trespass[0].upper()}{self._trespass[1:]}\nUse loop.call_soon_threadsafe or "
            f"asyncio.run_coroutine_threadsafe there.\n{describe(self)}"
        )
