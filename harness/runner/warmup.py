"""Requests before a trial, which open the connections that it then finds open."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import openai

from harness.openai_adapter import Endpoint
from harness.records import Request

if TYPE_CHECKING:
    from openai import AsyncOpenAI

#: Seconds after which a warm-up request is given up: its connection is open by then, or never will be.
PATIENCE_S = 30.0


async def warm_up(client: AsyncOpenAI, request: Request, endpoint: Endpoint, count: int) -> None:
    """Ask `count` times at once for one token of an answer; what comes back, or does not, is left to the trial.

    The mock counts them apart from the trial, so that its faults and windows of time are the same with and without.
    """
    arguments: dict[str, Any] = {"model": endpoint.model, "messages": request.messages, "max_tokens": 1}
    once = client.with_options(max_retries=0, timeout=PATIENCE_S * endpoint.time_scale)

    async def one(number: int) -> None:
        apart: dict[str, Any] = {}
        if endpoint.is_mock:
            apart = {"X-Harness-Scope": f"{endpoint.scope}/warm-up", "X-Harness-Request": f"warm-up {number}"}
        # An answer that cannot be read has opened a connection too.
        with contextlib.suppress(openai.OpenAIError, ValueError):
            await once.chat.completions.create(**arguments, extra_headers=apart)

    await asyncio.gather(*(one(number) for number in range(count)))
