"""The client that leaves the SDK's types out sends the SDK's own bytes, and reads the same out of what comes back."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import openai
import pytest

from harness import clock
from harness.config import compose
from harness.openai_adapter import Endpoint, Trace, current_trace, open_client
from harness.records import Outcome
from harness.runner import open_folder, run
from tests.adapter.conftest import FAULTS
from tests.apps import Asgi

WHOLE = b'{"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}], "usage": {"completion_tokens": 1}}'
ASKED = [
    {"stream": False, "timeout": 5},
    {"stream": False, "timeout": 5, "max_tokens": 3},
    {"stream": False, "timeout": 7},
    {"stream": False, "timeout": None},
    {"stream": True, "timeout": 5},
    {"stream": False, "timeout": 5, "temperature": 0.5},
    {"stream": False, "timeout": 5, "extra_headers": {"X-Own": "1"}},
]


def sent(*, models: bool, status: int = 200, headers=()) -> list[tuple[bytes, tuple[tuple[bytes, bytes], ...]]]:
    """Bodies and headers of requests of every sort, each asked for twice with other words, and of their retries."""
    found = []

    async def app(scope, receive, send):
        body = (await receive())["body"]
        found.append((body, tuple(scope["headers"])))
        kinds = [(b"content-type", b"application/json"), *headers]
        await send({"type": "http.response.start", "status": status, "headers": kinds})
        await send({"type": "http.response.body", "body": WHOLE})

    async def main():
        endpoint = Endpoint("http://127.0.0.1:8000/v1", "k", "m", is_mock=True, app=Asgi(app))
        async with open_client(endpoint, max_retries=1, models=models) as client:
            for number, words in enumerate(["a", "grüße, and more of them"] * 2):
                for settings in ASKED:
                    current_trace.set(Trace(f"r{number}"))
                    with contextlib.suppress(openai.OpenAIError):
                        messages = [{"role": "user", "content": words}]
                        await client.chat.completions.create(model="m", messages=messages, **settings)

    clock.run(main, clock="virtual")
    return found


@pytest.mark.parametrize("status", [200, 500])
def test_the_same_bytes_are_sent(status):
    """Names, order and values of headers too, of retries as well."""
    found = sent(models=False, status=status)
    assert len(found) == 4 * len(ASKED) * (1 if status == 200 else 2)
    assert found == sent(models=True, status=status)


def test_a_cookie_is_sent_back():
    """As every client does: what is kept of a request is no longer what is to be sent."""
    cookie = (b"set-cookie", b"session=7; Path=/")
    found = sent(models=False, headers=[cookie])
    assert found == sent(models=True, headers=[cookie])
    assert [(b"cookie", b"session=7") in headers for _, headers in found] == [False] + [True] * (len(found) - 1)


def played(fault: str, folder, *, models: bool) -> list[Outcome]:
    """What plain and streamed requests leave under a fault."""
    words = [
        "profile=calm", f"fault={fault}", "fault.probability=0.5", "matrix.strategy=[article_none,article_10]",
        f"matrix.sdk_models=[{str(models).lower()}]", "workload.batches=1", "workload.batch_size=10",
        "workload.max_tokens=5", "batch_limit_s=300", f"out={folder}",
    ]  # fmt: skip
    experiment = compose(None, words)
    opened = open_folder(experiment)
    # A fault that no timer ends is cut short by the limit of the batch.
    assert run(experiment, opened).exit_code in {0, 3}
    return [replace(outcome, cell=outcome.cell.partition(",")[0]) for outcome in opened.outcomes()]


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_models_change_nothing_under_any_fault(fault, tmp_path):
    """Outcomes, tokens, finish reasons, errors and instants."""
    lean = played(fault, tmp_path / "lean", models=False)
    assert len(lean) == 20
    named = [replace(one, attempts=tuple(replace(a, request_id=None) for a in one.attempts)) for one in lean]
    usual = played(fault, tmp_path / "usual", models=True)
    assert [replace(one, attempts=tuple(replace(a, request_id=None) for a in one.attempts)) for one in usual] == named
