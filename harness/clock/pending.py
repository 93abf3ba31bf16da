"""Pending tasks in words: which ones wait, and at which line."""

from __future__ import annotations

import asyncio
import sysconfig
from types import FrameType
from typing import Any

_SHOWN = 10
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


def describe(loop: asyncio.AbstractEventLoop) -> str:
    """One line for each pending task of a loop, the first ten by name, with the innermost frame it waits in."""
    # Natural order of "Task-2" and "Task-10": `all_tasks` returns a set.
    tasks = sorted(asyncio.all_tasks(loop), key=lambda task: (len(task.get_name()), task.get_name()))
    if not tasks:
        return "No task is pending: somebody runs the loop without one."
    lines = [f"  {task.get_name()} {_where(frames_of(task.get_coro()))}" for task in tasks[:_SHOWN]]
    if len(tasks) > _SHOWN:
        lines.append(f"  and {len(tasks) - _SHOWN} more")
    return "\n".join(["Pending tasks:", *lines])


def frames_of(awaitable: Any) -> list[FrameType]:
    """The frames of a suspended coroutine, outermost first, down to the one that waits for a future."""
    frames = []
    while awaitable is not None:
        frame = None
        inner = None
        for kind in ("cr", "gi", "ag"):
            frame = frame or getattr(awaitable, f"{kind}_frame", None)
            inner = inner or getattr(awaitable, f"{kind}_await", None) or getattr(awaitable, f"{kind}_yieldfrom", None)
        if frame is not None:
            frames.append(frame)
        awaitable = inner
    return frames


def _where(frames: list[FrameType]) -> str:
    if not frames:
        return "has not started or is running"
    own = [frame for frame in frames if not frame.f_code.co_filename.startswith(_LIBRARIES)]
    text = f"waits at {_place(frames[-1])}"
    if own and own[-1] is not frames[-1]:
        text += f", called from {_place(own[-1])}"
    return text


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
