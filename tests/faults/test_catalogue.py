"""Every fault edits the timeline as its name says, and the real SDK meets it as it would in the field."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import httpx2
import pytest
import tenacity

from harness import clock
from harness.attempts import complete
from harness.faults import Fault, catalogue
from harness.messages import StreamedMessage
from harness.mock.app import MockApp
from harness.openai_adapter import DirectTransport, Endpoint, Trace, current_trace, open_client
from harness.profiles import Profile
from harness.records import Attempt

#: Headers after 1 s, first token at 2 s, then one every 0.5 s, the finish 0.5 s after the third: 3.5 s.
STEPS = {"name": "p", "headers": 1.0, "first_content": 1.0, "between_tokens": 0.5, "end": 0.5, "output_tokens": 3}


def profile(kind: str, **settings: Any) -> Profile:
    return Profile.from_dict(STEPS | {"faults": [{"kind": kind, "probability": 1.0, **settings}]})


def timeline(kind: str, **settings: Any) -> list[tuple[str, float]]:
    return [(event.name, event.at_s) for event in profile(kind, **settings).script(0, "r", 1).events]


def meet(kind: str, *, stream: bool = True, timeout: float = 10, limit: float = 100, **settings: Any):
    """The attempt that a fault leaves, the answer or the exception, and the server's line."""
    app = MockApp(profile(kind, **settings))

    async def main() -> tuple[Attempt, Any]:
        trace = Trace("r")
        current_trace.set(trace)
        arguments = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "timeout": timeout}
        answer: Any
        async with open_client(Endpoint("http://mock/v1", "k", "m", is_mock=True, app=app), max_retries=0) as client:
            try:
                async with asyncio.timeout(limit):
                    answer = await complete(
                        client, arguments | ({"stream": True} if stream else {}), tenacity_attempts=1
                    )
            except tenacity.RetryError as error:
                answer = error.last_attempt.exception()
            except TimeoutError:
                answer = "limit"
        (attempt,) = trace.attempts(0.0, asyncio.get_running_loop().time())
        return attempt, answer

    attempt, answer = clock.run(main, clock="virtual")
    return attempt, answer, next(iter(app.log))


def test_the_catalogue_has_a_line_about_every_fault():
    """What `harness list` prints."""
    found = catalogue()
    assert len(found) == len(Fault.register) >= 24
    assert all(10 < len(text) < 120 for text in found.values())


def test_the_guide_lists_every_fault_in_its_own_words():
    """docs/faults.md and `harness list` say the same."""
    from pathlib import Path

    guide = (Path(__file__).parents[2] / "docs" / "faults.md").read_text()
    for kind, text in catalogue().items():
        assert f"| `{kind}` | {text} |" in guide


#: What an attempt of a client with timeout=10 and stream=True comes to under each fault with its defaults.
EXPECTED = {
    "abrupt_disconnect": ("stream_error", 2.0),
    "accepted_unread": ("timeout", 10.0),
    "cancel_ignored": ("ok", 3.5),
    "connect_blackhole": ("timeout", 10.0),
    "connect_refused": ("connection_error", 0.0),
    "correlated_outage": ("timeout", 10.0),
    "done_without_finish": ("ok", 3.5),
    "drop_before_headers": ("connection_error", 0.0),
    "empty_choices_chunk": ("ok", 3.5),
    "error_in_stream": ("stream_error", 2.0),
    "finish_then_hang": ("timeout", 13.5),
    "finish_without_done": ("ok", 3.5),
    "hang_before_headers": ("timeout", 10.0),
    "headers_then_silence": ("timeout", 11.0),
    "html_200": ("ok", 0.0),
    "insufficient_quota": ("status_error", 0.0),
    "keepalive_comments": ("cancelled", 100.0),
    "late_gateway_error": ("timeout", 10.0),
    "malformed_chunk": ("cancelled", 2.0),
    "mid_stream_stall": ("timeout", 12.0),
    "overload": ("ok", 3.5),
    "ping_events": ("cancelled", 100.0),
    "post_done_linger": ("ok", 3.6),
    "rate_limit_storm": ("status_error", 0.0),
    "reasoning_pause": ("timeout", 12.0),
    "role_only_prelude": ("timeout", 12.0),
    "silent_truncation": ("truncated", 2.0),
    "slow_drip": ("ok", 20.5),
    "slow_prompt": ("timeout", 10.0),
    "split_utf8": ("ok", 3.501),
    "stale_keepalive": ("ok", 3.5),
    "stall": ("timeout", 10.0),
    "status_error": ("status_error", 0.0),
    "usage_chunk": ("ok", 3.5),
    "wrong_content_length": ("ok", 3.6),
}
#: They spare the first request of an idle server, which has neither a connection to reuse nor company.
SPARED = {"overload", "stale_keepalive"}


def test_every_fault_has_an_expected_outcome():
    """Whoever adds a fault says here what a client meets."""
    assert set(EXPECTED) == set(Fault.register)


@pytest.mark.parametrize("kind", sorted(EXPECTED))
def test_what_a_streaming_client_meets(kind):
    """How the attempt ends and when, in virtual time; and the server's log names the fault."""
    settings = {"duration": "forever"} if kind == "stall" else {}
    attempt, _, line = meet(kind, **settings)
    assert line["fault"] == (None if kind in SPARED else kind)
    outcome, end_s = EXPECTED[kind]
    assert (attempt.outcome, attempt.end_s) == (outcome, pytest.approx(end_s, abs=2e-3))


@pytest.mark.parametrize("kind", ["keepalive_comments", "ping_events"])
def test_noise_defeats_the_sdks_timeout(kind):
    """Bytes every 5 s reset a read timeout of 10 s for ever; no content came."""
    attempt, answer, _ = meet(kind, limit=10_000)
    assert (answer, attempt.end_s, attempt.first_content_s) == ("limit", 10_000.0, None)


def test_noise_comes_every_period_and_ends_with_the_stall():
    """A pause of 17 s with a comment every 5 s: three comments, then the answer."""
    attempt, answer, _ = meet("keepalive_comments", duration=17.0, every_s=5.0)
    healthy, _, _ = meet("keepalive_comments", duration=0.5, every_s=5.0)
    assert attempt.bytes == healthy.bytes + 3 * len(b": ping\n\n")
    assert attempt.end_s == 20.5
    assert len(answer.message["content"].split()) == 3


def test_no_noise_comes_before_the_headers():
    """There is no body to put it into."""
    attempt, _, _ = meet("stall", duration="forever", noise="comments", every_s=1.0)
    assert (attempt.outcome, attempt.bytes) == ("timeout", 0)


def test_parts_of_an_answer_arrive_before_it_breaks():
    """One token, then nothing more, in each of the four ways."""
    for kind in ("silent_truncation", "abrupt_disconnect", "error_in_stream", "mid_stream_stall"):
        attempt, _, line = meet(kind)
        assert attempt.first_content_s == attempt.last_content_s == 2.0, kind
        assert line["tokens_delivered"] == 1, kind


def test_a_truncated_answer_looks_complete_to_the_sdk():
    """It raises nothing, which is why records call it truncated."""
    _, answer, _ = meet("silent_truncation")
    assert isinstance(answer, StreamedMessage)
    assert answer.finish_reason is None
    assert len(answer.message["content"].split()) == 1


@pytest.mark.parametrize(
    "kind", ["done_without_finish", "finish_without_done", "empty_choices_chunk", "usage_chunk", "split_utf8"]
)
def test_odd_but_complete_answers_are_read(kind):
    """Nothing of the text is lost, and the letter in two pieces is whole."""
    _, answer, _ = meet(kind)
    text = answer.message["content"]
    assert len(text.replace("\u00e9", "").split()) == 3
    assert ("\u00e9" in text) == (kind == "split_utf8")


@pytest.mark.parametrize(
    ("settings", "status", "error"),
    [
        ({"kind": "status_error", "status": 503}, 503, "InternalServerError"),
        ({"kind": "status_error", "status": 529, "body": "empty"}, 529, "InternalServerError"),
        ({"kind": "status_error", "status": 408, "body": "html"}, 408, "APIStatusError"),
        ({"kind": "insufficient_quota"}, 429, "RateLimitError"),
        ({"kind": "rate_limit_storm"}, 429, "RateLimitError"),
        ({"kind": "late_gateway_error", "after": 3.0}, 502, "InternalServerError"),
    ],
)
def test_http_errors_become_the_sdks_exceptions(settings, status, error):
    """Streamed or not."""
    for stream in (True, False):
        attempt, answer, line = meet(**settings, stream=stream)
        assert (attempt.status, line["status"], type(answer).__name__) == (status, status, error)


def test_a_gateway_answers_after_its_silence():
    """502 after 600 s, when the client waits that long."""
    attempt, _, _ = meet("late_gateway_error", timeout=700, limit=1000)
    assert (attempt.status, attempt.end_s) == (502, 600.0)


@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize(
    ("settings", "waits"),
    [
        ({"retry_after": 7.0}, (7.0, 7.0)),
        ({"retry_after": 1.5, "unit": "milliseconds"}, (1.5, 1.5)),
        ({"retry_after": 7.0, "unit": "date"}, (7.0, 8.0)),
        ({"retry_after": None}, (0.375, 0.5)),
        ({"retry_after": "soon"}, (0.375, 0.5)),
        ({"retry_after": "-3"}, (0.375, 0.5)),
        ({"retry_after": 86_400.0}, None),
        ({"retry_after": "1e999"}, None),
    ],
)
def test_retry_after_is_obeyed_exactly(settings, waits, scale):
    """In seconds, milliseconds or as a date, without jitter; what is absurd is not waited for, or not retried."""
    app = MockApp(profile("rate_limit_storm", **settings).scaled(scale))

    async def main() -> tuple[Attempt, ...]:
        trace = Trace("r")
        current_trace.set(trace)
        arguments = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        place = Endpoint("http://mock/v1", "k", "m", is_mock=True, app=app, time_scale=scale)
        async with open_client(place, max_retries=1) as client:
            with pytest.raises(tenacity.RetryError):
                await complete(client, arguments, tenacity_attempts=1)
        return trace.attempts(0.0, 0.0)

    first, *second = clock.run(main, clock="virtual")
    if waits is None:
        assert second == []
    else:
        low, high = (wait * scale for wait in waits)
        # A date is in whole seconds, rounded up.
        high += settings.get("unit") == "date"
        assert low - 1e-9 <= second[0].send_s - first.end_s <= high + 1e-9


@pytest.mark.parametrize(
    ("wait", "unit", "name", "value"),
    [
        (1e10, "seconds", "retry-after", "10000000000"),
        (1234567.5, "seconds", "retry-after", "1234567.5"),
        (1e-7, "seconds", "retry-after", "0.0000001"),
        (7.0, "seconds", "retry-after", "7"),
        (123456.789, "milliseconds", "retry-after-ms", "123456789"),
        (1e12, "date", "retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"),
        (1.7e308, "date", "retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"),
    ],
)
def test_absurd_waits_are_written_as_numbers_and_dates(wait, unit, name, value):
    """All digits, no exponent, and no date after the last one that there is."""
    storm = profile("rate_limit_storm", retry_after=wait, unit=unit)

    async def main() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=DirectTransport(MockApp(storm)), base_url="http://m") as client:
            return await client.post("/v1/chat/completions", json={"model": "m", "messages": [{"role": "user"}]})

    response = clock.run(main, clock="virtual")
    assert (response.status_code, response.headers[name]) == (429, value)


def test_a_slow_prompt_is_slow_on_every_attempt():
    """And by the same time, so restarting never helps; other prompts are quick."""
    slow = profile("slow_prompt", probability=0.3)
    ends = {request: {slow.script(0, str(request), attempt).end_s for attempt in range(1, 6)} for request in range(100)}
    assert all(len(times) == 1 for times in ends.values())
    assert 10 < sum(times != {3.5} for times in ends.values()) < 60


def test_what_sticks_to_a_prompt_and_what_does_not():
    """The same stall, thrown for each attempt or once for the prompt."""

    def stuck(sticky: str) -> set[tuple[bool, ...]]:
        p = profile("stall", duration=9.0, probability=0.5, sticky=sticky)
        return {tuple(p.script(0, str(r), a).fault is not None for a in range(1, 9)) for r in range(60)}

    assert stuck("prompt") == {(False,) * 8, (True,) * 8}
    assert len(stuck("attempt")) > 40


def test_a_slow_drip_stays_below_an_idle_limit():
    """Each token takes 9 s, so a timeout of 10 s between bytes never fires."""
    tokens = [at for name, at in timeline("slow_drip") if name == "token"]
    assert tokens == [2.0, 11.0, 20.0]


@pytest.mark.parametrize("kind", sorted(Fault.register))
def test_every_fault_is_scaled_with_the_profile(kind):
    """time_scale=0.5 halves every instant, those of faults included; the split of a letter stays a moment."""
    settings = {"duration": {"kind": "uniform", "low": 5, "high": 9}} if kind == "stall" else {}
    whole = profile(kind, **settings)
    for request in range(20):
        pairs = zip(
            whole.script(0, str(request), 1).events, whole.scaled(0.5).script(0, str(request), 1).events, strict=True
        )
        for before, after in pairs:
            assert before.name == after.name
            assert after.at_s == pytest.approx(before.at_s / 2, abs=1e-3) or math.isinf(before.at_s)
            assert after.every_s == before.every_s / 2


#: Where a timeout of 30 s ends a plain answer that was begun: its headers come after 3.5 s.
LATEST_S = 33.5


@pytest.mark.parametrize("kind", sorted(Fault.register))
def test_a_plain_answer_under_each_fault_ends(kind):
    """Without streaming: an answer, an error, or a timeout, but always an end; the log has a status or a disconnect."""
    settings = {"duration": "forever"} if kind == "stall" else {}
    attempt, _, line = meet(kind, stream=False, timeout=30, **settings)
    assert attempt.end_s <= LATEST_S
    assert (line["status"] is not None) or (line["disconnected_s"] is not None) or attempt.outcome == "connection_error"
