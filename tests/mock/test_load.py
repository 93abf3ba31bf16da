"""What the mock does when much is asked of it at once, to the microsecond."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from pydantic import ValidationError

from harness.profiles import Profile
from harness.profiles.load import Load
from tests.mock.conftest import CHAT, Mock, ask


def loaded(load: dict[str, Any], **settings: Any) -> Mock:
    """A server whose answers take a second each, with limits."""
    return Mock({"name": "p", "headers": 1.0, "load": load, **settings})


async def timed(client: httpx2.AsyncClient, begin: float = 0.0, give_up: float | None = None, **fields: Any) -> Any:
    """The status of a request that begins at an instant, and when it was answered."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(begin)
    try:
        async with asyncio.timeout(give_up):
            status = (await client.post(CHAT, json=ask(**fields))).status_code
    except TimeoutError:
        status = 0
    return status, loop.time()


def crowd(mock: Mock, *begins: float, **fields: Any) -> list[tuple[int, float]]:
    """Requests that begin at these instants: status and end of each."""

    async def scene(client: httpx2.AsyncClient) -> list[tuple[int, float]]:
        return list(await asyncio.gather(*(timed(client, begin, **fields) for begin in begins)))

    return mock.play(scene)


def test_who_finds_no_slot_waits_for_one():
    """Two slots and answers of 1 s: pairs, in order of arrival; the log says how long each waited."""
    mock = loaded({"slots": 2})
    assert crowd(mock, *[0.0] * 5) == [(200, 1.0), (200, 1.0), (200, 2.0), (200, 2.0), (200, 3.0)]
    assert [line["queued_s"] for line in mock.app.log] == [0.0, 0.0, 1.0, 1.0, 2.0]
    assert all(event["real_s"] == event["planned_s"] for line in mock.app.log for event in line["events"])


@pytest.mark.parametrize("status", [429, 503])
def test_beyond_the_queue_requests_are_turned_away(status):
    """At once, with OpenAI's error body, and named in the log."""
    mock = loaded({"slots": 1, "queue": 1, "overflow": status})
    assert crowd(mock, *[0.0] * 4) == [(200, 1.0), (200, 2.0), (status, 0.0), (status, 0.0)]
    assert [line["fault"] for line in mock.app.log] == [None, None, "overflow", "overflow"]


def test_who_leaves_the_queue_makes_room_in_it():
    """A client that gives up while it waits is not served, and costs no tokens."""
    mock = loaded({"slots": 1, "queue": 1, "overflow": 503})

    async def scene(client: httpx2.AsyncClient) -> list[Any]:
        waits = [timed(client), timed(client, give_up=0.5), timed(client, 0.25), timed(client, 0.75)]
        return list(await asyncio.gather(*waits))

    assert mock.play(scene) == [(200, 1.0), (0, 0.5), (503, 0.25), (200, 2.0)]
    left = list(mock.app.log)[1]
    assert (left["queued_s"], left["disconnected_s"], left["tokens_generated"]) == (0.5, 0.5, 0)


def test_a_queue_of_instant_answers_is_no_pile_of_calls():
    """Two thousand wait for one slot, and leave it at once: nothing recurses."""
    mock = Mock({"name": "p", "load": {"slots": 1}})
    assert {status for status, _ in crowd(mock, *[0.0] * 2000)} == {200}


def test_contention_shares_the_speed():
    """contention=1: two at once take twice as long, and who comes later pays for its share only."""
    assert crowd(loaded({"contention": 1.0}), 0.0, 0.0) == [(200, 2.0), (200, 2.0)]
    # Alone for 0.5 s, then at half speed: the first has 0.5 s of work left, 1 s; the second then 0.5 s alone.
    mock = loaded({"contention": 1.0})
    assert crowd(mock, 0.0, 0.5) == [(200, pytest.approx(1.5)), (200, pytest.approx(2.0))]
    assert all(e["real_s"] == pytest.approx(e["planned_s"]) for line in mock.app.log for e in line["events"])


def test_speed_follows_the_universal_scalability_law():
    """1 / (1 + s (n - 1) + k n (n - 1)), by hand."""
    load = Load(contention=0.1, coherency=0.01)
    assert [load.speed(n) for n in (0, 1, 2, 5)] == [1, 1, pytest.approx(1 / 1.12), pytest.approx(1 / 1.6)]


def test_goodput_collapses_past_saturation():
    """With coherency, more at once means fewer a second beyond sqrt((1 - s) / k) = 10; without, never."""

    def per_second(load: dict[str, float], n: int) -> float:
        return n / max(end for _, end in crowd(loaded(load), *[0.0] * n))

    falling = [per_second({"coherency": 0.01}, n) for n in (5, 10, 20, 40)]
    assert falling == [pytest.approx(n / (1 + 0.01 * n * (n - 1))) for n in (5, 10, 20, 40)]
    assert falling[1] == max(falling)
    rising = [per_second({"contention": 0.05}, n) for n in (5, 10, 20, 40)]
    assert rising == sorted(rising)


def test_a_bucket_of_requests_runs_dry_and_fills_up():
    """60 a minute with room for 2: the third is told to wait a second, and is served when it has."""
    mock = Mock({"name": "p", "load": {"requests_per_minute": 60, "burst_s": 2}})

    async def scene(client: httpx2.AsyncClient) -> list[Any]:
        found = [await client.post(CHAT, json=ask()) for _ in range(3)]
        await asyncio.sleep(float(found[2].headers["retry-after-ms"]) / 1000)
        return [*found, await client.post(CHAT, json=ask())]

    first, second, third, fourth = mock.play(scene)
    assert [r.status_code for r in (first, second, third, fourth)] == [200, 200, 429, 200]
    assert third.json()["error"]["code"] == "rate_limit_exceeded"
    assert float(third.headers["retry-after"]) == 1.0
    told = [(r.headers["x-ratelimit-remaining-requests"], r.headers["x-ratelimit-reset-requests"]) for r in
            (first, second)]  # fmt: skip
    assert told == [("1", "1s"), ("0", "2s")]
    assert first.headers["x-ratelimit-limit-requests"] == "60"
    assert [line["fault"] for line in mock.app.log] == [None, None, "rate_limit", None]


def test_tokens_a_minute_count_the_prompt_and_the_longest_answer():
    """A request of 3 + 27 tokens takes half of a bucket of 60; the third finds it empty."""
    mock = Mock({"name": "p", "load": {"tokens_per_minute": 60}})
    assert [status for status, _ in crowd(mock, 0.0, 0.0, 0.0, max_tokens=27)] == [200, 200, 429]


def test_a_request_larger_than_the_bucket_takes_all_of_it():
    """It is served when the bucket is full instead of never."""
    mock = Mock({"name": "p", "load": {"tokens_per_minute": 60}})
    assert crowd(mock, 0.0, 0.0, 60.0, max_tokens=500) == [(200, 0.0), (429, 0.0), (200, 60.0)]


@pytest.mark.parametrize(("on_cancel", "freed", "generated"), [("at_once", 1.5, 1), (2.0, 3.5, 3), ("never", 4.0, 4)])
def test_a_cancelled_request_frees_its_slot(on_cancel, freed, generated):
    """At once, two seconds later, or when its 4 s are over; what it generates meanwhile is wasted."""
    mock = Mock({"name": "p", "headers": 1.0, "between_tokens": 1.0, "load": {"slots": 1, "on_cancel": on_cancel}})

    async def scene(client: httpx2.AsyncClient) -> list[Any]:
        quits = timed(client, give_up=1.5, max_tokens=4, stream=True)
        found = await asyncio.gather(quits, timed(client, 0.1, max_tokens=1))
        await asyncio.sleep(10)
        return list(found)

    assert mock.play(scene) == [(0, 1.5), (200, freed + 1.0)]
    line, waited = mock.app.log
    assert waited["queued_s"] == pytest.approx(freed - 0.1)
    assert (line["tokens_generated"], line["tokens_wasted"], line["tokens_delivered"]) == (generated, generated, 1)


def test_a_single_attempt_can_ignore_its_cancellation():
    """The fault of that name does it with a probability, on a server that stops otherwise."""
    fault = {"kind": "cancel_ignored", "probability": 1}
    mock = Mock({"name": "p", "between_tokens": 1.0, "output_tokens": 5, "faults": [fault]})

    async def scene(client: httpx2.AsyncClient) -> None:
        await timed(client, give_up=1.5, stream=True)
        await asyncio.sleep(10)

    mock.play(scene)
    (line,) = mock.app.log
    assert (line["disconnected_s"], line["tokens_generated"], line["tokens_wasted"]) == (1.5, 5, 5)
    assert mock.app.log.counts["in_flight"] == 0


def test_a_stuck_attempt_keeps_its_slot():
    """Until its client gives up: that is how stalls become an overload."""
    stall = {"kind": "hang_before_headers", "probability": 1, "every": 2}
    mock = loaded({"slots": 1}, faults=[stall])

    async def scene(client: httpx2.AsyncClient) -> list[Any]:
        return list(await asyncio.gather(timed(client), timed(client, 0.1, give_up=10.0), timed(client, 0.2)))

    assert mock.play(scene) == [(200, 1.0), (0, 10.1), (200, pytest.approx(11.1))]


def test_load_scales_with_time():
    """time_scale=0.5: twice as many a minute, half as long to notice a cancellation."""
    load = Load(requests_per_minute=60, tokens_per_minute=600, on_cancel=3.0).scaled(0.5)
    assert (load.requests_per_minute, load.tokens_per_minute, load.burst_s, load.on_cancel) == (120, 1200, 30, 1.5)


@pytest.mark.parametrize(
    ("load", "message"),
    [
        ({"queue": 3}, "they need slots"),
        ({"slots": 1, "queue": 3}, "overflow: 429 or 503 with a queue"),
        ({"slots": 1, "overflow": 503}, "overflow: 429 or 503 with a queue"),
        ({"slots": 0}, "greater than or equal to 1"),
        ({"slots": 1, "queue": 3, "overflow": 500}, "429"),
        ({"contention": 2}, "less than or equal to 1"),
        ({"requests_per_minute": 0}, "greater than 0"),
        ({"on_cancel": "later"}, "at_once"),
        ({"slot": 1}, "slot"),
    ],
)
def test_limits_that_make_no_sense_are_refused(load, message):
    """With the reason."""
    with pytest.raises(ValidationError, match=message):
        Profile.from_dict({"name": "p", "load": load})


def test_a_large_limit_is_told_in_all_its_digits():
    """Clients parse the header as an integer."""
    response = Mock({"name": "p", "load": {"tokens_per_minute": 2_345_678}}).post()
    assert response.headers["x-ratelimit-limit-tokens"] == "2345678"
