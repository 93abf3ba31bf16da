"""The server's log says what it planned and what it did."""

import asyncio
import json
import time

import httpx2
import pytest

from harness import clock
from harness.mock.app import MockApp, Pieces
from harness.mock.log import Entry, TruthLog
from harness.mock.metrics import Latency
from harness.openai_adapter import DirectTransport
from harness.profiles import Profile
from harness.scripts import Event, Script
from harness.wire import Connection, HttpRequest
from tests.mock.conftest import CHAT, STEPS, Mock, ask


def test_every_event_is_logged_with_planned_and_real_time(mock):
    """In virtual time the two are equal."""
    mock.post({"X-Harness-Request": "r17"}, stream=True)
    (line,) = mock.app.log
    assert (line["request"], line["attempt"], line["status"], line["fault"]) == ("r17", 1, 200, None)
    assert [(e["name"], e["planned_s"]) for e in line["events"]] == [
        ("headers", 1.0), ("role", 2.0), ("token", 2.0), ("token", 2.5), ("token", 3.0), ("token", 3.5),
        ("finish", 4.0), ("usage", 4.0), ("done", 4.0), ("end", 4.0),
    ]  # fmt: skip
    assert all(event["real_s"] == pytest.approx(event["planned_s"], abs=1e-9) for event in line["events"])
    assert (line["tokens_generated"], line["tokens_delivered"], line["tokens_wasted"]) == (4, 4, 0)
    assert line["disconnected_s"] is None


@pytest.mark.parametrize(("stream", "delivered"), [(True, 2), (False, 0)])
def test_a_client_that_goes_away_is_noticed(mock, stream, delivered):
    """The log says when, and what was generated for nobody."""

    async def scene(client: httpx2.AsyncClient) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.75):
                await client.post(CHAT, json=ask(stream=stream))
        await asyncio.sleep(10)

    mock.play(scene)
    (line,) = mock.app.log
    assert line["disconnected_s"] == pytest.approx(2.75)
    assert (line["tokens_generated"], line["tokens_delivered"], line["tokens_wasted"]) == (2, delivered, 2)
    assert mock.app.log.counts["in_flight"] == 0


def test_a_token_is_sent_when_its_chunk_is():
    """Tokens that wait for their chunk to fill up have been generated, and delivered to nobody yet."""
    mock = Mock({"name": "p", "between_tokens": 1.0, "output_tokens": 5, "tokens_per_chunk": 2})

    async def scene(client: httpx2.AsyncClient) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await client.post(CHAT, json=ask(stream=True))
        await client.post(CHAT, json=ask(stream=True))

    mock.play(scene)
    broken_off, whole = ([e["real_s"] for e in line["events"] if e["name"] == "token"] for line in mock.app.log)
    assert broken_off == [1.0, 1.0, None, None, None]
    assert whole == [1.0, 1.0, 3.0, 3.0, 4.0]
    assert [(line["tokens_generated"], line["tokens_delivered"]) for line in mock.app.log] == [(3, 2), (5, 5)]


class Deaf:
    """A wire to a client that does not read."""

    full, connecting = True, False

    def __init__(self):
        self.connection = Connection()


def test_what_a_server_could_not_send_is_not_called_sent():
    """An attempt whose bytes wait for the client until it goes away was given up, and delivered nothing."""
    app = MockApp(Profile("p"))

    async def main() -> None:
        exchange = app.handle(HttpRequest("POST", CHAT, {}, json.dumps(ask(stream=True)).encode()), Deaf())
        await asyncio.sleep(3)
        exchange.gone()

    clock.run(main, clock="virtual")
    (line,) = app.log
    assert {event["real_s"] for event in line["events"]} == {None}
    assert (line["disconnected_s"], line["tokens_delivered"], line["tokens_wasted"]) == (3.0, 0, 1)


def test_a_stall_for_ever_is_planned_as_null():
    """JSON has no infinity."""
    never = Mock(STEPS | {"faults": [{"kind": "stall", "probability": 1, "duration": "forever"}]})

    async def scene(client: httpx2.AsyncClient) -> str:
        with pytest.raises(httpx2.ReadTimeout):
            await client.post(CHAT, json=ask(), timeout=600)
        await asyncio.sleep(1)
        return (await client.get("/_harness/log")).text

    line = json.loads(never.play(scene))
    assert line["fault"] == "stall"
    assert {event["planned_s"] for event in line["events"]} == {None}
    assert line["disconnected_s"] == 600


def test_attempts_are_counted_per_request_and_scope(instant):
    """The SDK's own count starts again with every tenacity attempt; the server's does not."""
    for request, scope in [("a", "1"), ("a", "1"), ("b", "1"), ("a", "2"), ("a", "1")]:
        instant.post({"X-Harness-Request": request, "X-Harness-Scope": scope})
    assert [line["attempt"] for line in instant.app.log] == [1, 2, 1, 1, 3]


def test_requests_without_a_name_are_numbered(instant):
    """Any client can be measured."""
    instant.post()
    instant.post()
    assert [line["request"] for line in instant.app.log] == ["0", "1"]


def test_the_seed_can_be_given_with_the_request(mock):
    """Runs in real time tell the server their trial's seed."""
    ours = mock.post({"X-Harness-Request": "r", "X-Harness-Seed": "3"}).json()
    other = mock.post({"X-Harness-Request": "r", "X-Harness-Seed": "4"}).json()
    default = mock.post({"X-Harness-Request": "r"}).json()
    texts = [answer["choices"][0]["message"]["content"] for answer in (ours, other, default)]
    assert texts[0] == texts[2] != texts[1]
    assert mock.post({"X-Harness-Seed": "x"}).status_code == 400


def test_the_log_is_json_lines_and_can_be_reset(instant):
    """GET gives a line per attempt; after the reset counting starts again."""
    instant.post({"X-Harness-Request": "a"})
    text = instant.play(lambda client: client.get("/_harness/log")).text
    assert [json.loads(line)["request"] for line in text.splitlines()] == ["a"]
    assert instant.play(lambda client: client.post("/_harness/reset")).status_code == 200
    assert len(instant.app.log) == 0
    instant.post({"X-Harness-Request": "a"})
    assert next(iter(instant.app.log))["attempt"] == 1


def test_a_long_log_drops_its_oldest_lines_and_says_so():
    """Memory stays bounded."""
    log = TruthLog(keep=3)
    for i in range(5):
        script = Script((Event("headers", 0.0),))
        log.open(Entry(request=str(i), scope="", attempt=1, seed=0, model="m", script=script))
    assert [line["request"] for line in log] == ["2", "3", "4"]
    assert log.dropped == 2


def test_long_answers_fill_the_log_sooner():
    """Not lines but the events in them take memory; the latest line stays, however long it is."""
    log = TruthLog(events=10)
    for i, events in enumerate((4, 4, 4, 40, 3)):
        script = Script(tuple(Event("token", 0.0) for _ in range(events)))
        log.open(Entry(request=str(i), scope="", attempt=1, seed=0, model="m", script=script))
        assert sum(len(line["events"]) for line in log) <= max(10, events)
    assert [line["request"] for line in log] == ["4"]
    assert log.dropped == 4


def test_a_long_log_does_not_hold_up_the_others(instant):
    """It is written in pieces; an answer that is asked for behind it is there before its last one."""
    for number in range(300):
        instant.post({"X-Harness-Request": str(number)}, max_tokens=100)

    async def scene(client: httpx2.AsyncClient) -> tuple[list[str], int]:
        order: list[str] = []

        async def log() -> int:
            text = (await client.get("/_harness/log")).text
            order.append("log")
            return text.count("\n")

        async def answer() -> None:
            await client.post(CHAT, json=ask())
            order.append("answer")

        async with asyncio.TaskGroup() as group:
            lines = group.create_task(log())
            group.create_task(answer())
        return order, lines.result()

    order, lines = instant.play(scene)
    assert order == ["answer", "log"]
    assert lines >= 300


def test_a_client_that_leaves_the_log_unread_is_no_harm():
    """The rest is not written to nobody."""
    pieces = iter([b"a", b"b"])
    sent: list[bytes] = []

    class Nobody:
        full = False

        def start(self, status: int, headers: object) -> None:
            pass

        def send(self, body: bytes) -> None:
            sent.append(body)

        def flush(self) -> None:
            pass

        def end(self) -> None:
            sent.append(b"end")

    async def main() -> None:
        exchange = Pieces(Nobody(), pieces, [])  # type: ignore[arg-type]  # as much of a wire as is needed
        await asyncio.sleep(0)
        exchange.gone()
        await asyncio.sleep(1)

    clock.run(main, clock="virtual")
    assert sent == [b"a"]


def test_the_verdict_of_lateness_is_exact_at_its_limit():
    """19.9 ms are in time; 20.1 ms are not, though both lie within a quarter of a decade."""
    for seconds, late in ((0.0199, False), (0.0201, True)):
        log = TruthLog()
        log.lateness.add(seconds, 100)
        assert log.late is late


def test_metrics_are_prometheus_text(mock):
    """Counters of attempts, tokens and statuses."""
    mock.post()
    mock.play(lambda client: client.post(CHAT, content=b"{"))
    text = mock.play(lambda client: client.get("/metrics")).text
    assert "# TYPE harness_mock_attempts_total counter\nharness_mock_attempts_total 1\n" in text
    assert "harness_mock_tokens_delivered_total 4\n" in text
    assert 'harness_mock_responses_total{status="200"} 1\n' in text
    assert 'harness_mock_responses_total{status="400"} 1\n' in text


def test_health_names_the_profile(mock):
    """A script that waits for the server can see what it serves."""
    health = mock.play(lambda client: client.get("/health")).json()
    assert (health["status"], health["profile"], health["seed"]) == ("ok", "steps", 3)


def test_the_profile_can_be_changed_while_it_runs(mock):
    """What GET gives, PUT takes."""

    async def scene(client: httpx2.AsyncClient) -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        profile = (await client.get("/_harness/profile")).json()
        await client.post(CHAT, json=ask())
        before = loop.time()
        await client.put("/_harness/profile", json=profile | {"headers": 11.0})
        await client.post(CHAT, json=ask())
        return before, loop.time() - before

    assert mock.play(scene) == (4.0, 14.0)


@pytest.mark.parametrize("body", [b"{", b'{"name": "p", "headers": -1}', b'{"name": "p", "fault": []}'])
def test_a_bad_profile_changes_nothing(mock, body):
    """The server keeps the one it has and says what is wrong."""
    response = mock.play(lambda client: client.put("/_harness/profile", content=body))
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_profile"
    assert mock.app.profile.name == "steps"


def test_the_server_says_how_late_it_was():
    """By the log, the headers of the log, health and metrics; being held up by the client does not count."""
    app = MockApp(Profile.from_dict({"name": "p", "between_tokens": 0.01}))

    async def main(held_up: float) -> dict[str, object]:
        loop = asyncio.get_running_loop()
        async with httpx2.AsyncClient(transport=DirectTransport(app), base_url="http://mock") as client:
            answer = asyncio.create_task(client.post(CHAT, json=ask(stream=True, max_tokens=3)))
            await asyncio.sleep(0)
            loop.call_soon(time.sleep, held_up)
            await answer
            health = (await client.get("/health")).json()
            log = await client.get("/_harness/log")
            metrics = (await client.get("/metrics")).text
        return {"timing": health["timing"], "late": log.headers["x-harness-late"], "metrics": metrics}

    quick = clock.run(lambda: main(0.0), clock="virtual")
    assert (quick["timing"]["late"], quick["late"], quick["timing"]["max_s"]) == (False, "false", 0.0)
    slow = clock.run(lambda: main(0.1), clock="real")
    assert (slow["timing"]["late"], slow["late"]) == (True, "true")
    assert slow["timing"]["p99_s"] >= 0.05
    assert 'harness_mock_timing_error_seconds_bucket{le="+Inf"}' in slow["metrics"]
    assert [line["late"] for line in app.log] == [False, True]
    assert list(app.log)[1]["late_s"] >= 0.05


def test_quantiles_of_lateness_are_bounds_within_a_quarter_of_a_decade():
    """A histogram that keeps nothing but counts: p50 and p99 of 1 to 100 ms, from above."""
    lateness = Latency()
    for milliseconds in range(1, 101):
        lateness.add(milliseconds / 1000)
    assert 0.050 <= lateness.quantile(0.5) <= 0.050 * 10**0.25
    assert 0.099 <= lateness.quantile(0.99) <= 0.1
    assert (lateness.largest, lateness.count, Latency().quantile(0.99)) == (0.1, 100, 0.0)


def test_the_log_says_what_the_client_said_of_itself():
    """The SDK's own count of retries, and how many requests its connection had served."""
    mock = Mock({"name": "p"})

    async def scene(client: httpx2.AsyncClient) -> None:
        await client.post(CHAT, json=ask(), headers={"x-stainless-retry-count": "2"})
        await client.post(CHAT, json=ask(), headers={"x-stainless-retry-count": "many"})

    mock.play(scene)
    assert [(line["sdk_retry"], line["connection_served"]) for line in mock.app.log] == [(2, 0), (None, 1)]
