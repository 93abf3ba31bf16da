"""The fixture that other people's tests use."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from pathlib import Path

import httpx2
import openai
import pytest

from harness.errors import UserError

pytest_plugins = ["pytester"]
HELLO = [{"role": "user", "content": "hi"}]


def test_a_synchronous_client_talks_to_a_served_mock(mock_llm):
    """On real sockets; the log, a reset and another profile are at hand."""
    server = mock_llm.serve({"output_tokens": 3})
    client = openai.OpenAI(base_url=server.base_url, api_key="any", max_retries=0)
    answer = client.chat.completions.create(model="m", messages=HELLO)
    assert len(answer.choices[0].message.content.split()) == 3
    assert [line["status"] for line in server.log()] == [200]
    server.reset()
    server.use({"faults": [{"kind": "status_error", "probability": 1, "status": 503}]})
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="m", messages=HELLO)
    assert [line["status"] for line in server.log()] == [503]


def test_a_batch_is_played_in_virtual_time(mock_llm):
    """A hundred requests of an unmodified AsyncOpenAI on a bad day: minutes of stalls, twice the same."""

    async def batch(base_url: str) -> int:
        async with openai.AsyncOpenAI(base_url=base_url, api_key="any", timeout=20, max_retries=9) as client:
            calls = [client.chat.completions.create(model="m", messages=HELLO) for _ in range(100)]
            return len(await asyncio.gather(*calls))

    played = mock_llm.play(batch, "incident", seed=1)
    assert played.result == 100
    assert 20 < played.seconds < 200
    assert len(played.log()) > 100
    assert {line["fault"] for line in played.log()} == {None, "hang_before_headers"}
    requests = sorted(line["request"] for line in mock_llm.play(batch, "incident", seed=1).log())
    assert requests == sorted(line["request"] for line in played.log())


def test_time_can_be_scaled(mock_llm):
    """An answer of 21 s in 2.1 s."""

    async def one(base_url: str) -> int:
        async with httpx2.AsyncClient(timeout=None) as client:
            body = {"model": "m", "messages": HELLO}
            return (await client.post(f"{base_url}/chat/completions", json=body)).status_code

    assert mock_llm.play(one, "long_answer").seconds == pytest.approx(21.0)
    assert mock_llm.play(one, "long_answer", time_scale=0.1).seconds == pytest.approx(2.1)


def test_a_wrong_name_says_so(mock_llm):
    """With the nearest one."""
    with pytest.raises(UserError, match="no profile named 'incidnt'; did you mean 'incident'"):
        mock_llm.serve("incidnt")


def test_the_fixture_comes_with_the_package(pytester):
    """A project that has installed the harness needs no configuration, and its servers end with their test."""
    pytester.makepyfile(
        """
        import urllib.request

        seen = []

        def test_first(mock_llm):
            server = mock_llm.serve()
            seen.append(server.base_url)
            assert server.log() == []

        def test_second():
            try:
                urllib.request.urlopen(seen[0].removesuffix("/v1") + "/health", timeout=5)
            except OSError:
                return
            raise AssertionError("the server outlived its test")
        """
    )
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2)


@pytest.mark.llm_profile("incident", seed=1)
async def test_a_marked_test_plays_in_virtual_time(llm):
    """A batch on a bad day, with a timer: minutes that take none, and a log."""
    async with openai.AsyncOpenAI(base_url=llm.base_url, api_key="any", timeout=20, max_retries=9) as client:
        calls = [client.chat.completions.create(model="m", messages=HELLO) for _ in range(100)]
        assert len(await asyncio.gather(*calls)) == 100
    assert 20 < llm.seconds < 200
    assert len(llm.log()) > 100


@pytest.mark.llm_profile("calm", fault="rate_limit_storm")
@pytest.mark.parametrize("retries", [0, 5])
async def test_a_marked_test_takes_parameters_and_a_fault(llm, retries):
    """Other fixtures and parameters come as ever."""
    async with openai.AsyncOpenAI(base_url=llm.base_url, api_key="any", max_retries=retries) as client:
        calls = [client.chat.completions.create(model="m", messages=HELLO) for _ in range(60)]
        failures = [
            answer for answer in await asyncio.gather(*calls, return_exceptions=True) if isinstance(answer, Exception)
        ]
    assert bool(failures) == (retries == 0)


def test_a_marked_test_that_fails_is_a_failure(pytester):
    """With its own assertion; and what is no async test with the fixture is told what to be."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.llm_profile("calm")
        async def test_slow(llm):
            assert llm.seconds == 7

        @pytest.mark.llm_profile("calm")
        def test_plain(llm):
            pass

        @pytest.mark.llm_profile("calmm")
        async def test_unknown(llm):
            pass

        def test_unmarked(llm):
            pass
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=2, errors=2)
    text = result.stdout.str()
    for said in (
        "assert 0.0 == 7",
        "is an `async def` that takes the fixture llm",
        "no profile named 'calmm'; did you mean 'calm'?",
        "needs @pytest.mark.llm_profile(PROFILE)",
    ):
        assert said in text


@pytest.fixture
def alone(monkeypatch):
    """pytest-benchmark measures nothing where xdist runs tests side by side, and sees that by its variable."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)


TIMED = """
import asyncio, random
import pytest
from harness import clock

@pytest.mark.benchmark(timer=clock.timer)
@pytest.mark.parametrize("seconds", [1.5, 600.0])
def test_nap(benchmark, seconds, mock_llm):
    async def scene(base_url):
        # The jitter of clients comes from Python's own generator.
        await asyncio.sleep(seconds * {factor} + random.random())

    benchmark(lambda: mock_llm.play(scene, "calm", seed=3))
"""


def test_the_virtual_clock_times_benchmarks(pytester, alone):
    """Rounds, calibration and all, ten minutes at a time; equal files, and a regression fails against one of them."""
    pytester.makepyfile(TIMED.format(factor=1))
    arguments = ("-p", "no:xdist", "-p", "no:cacheprovider", "-W", "error")
    pytester.runpytest_subprocess(*arguments, "--benchmark-json=a.json").assert_outcomes(passed=2)
    compared = (*arguments, "--benchmark-compare=a.json", "--benchmark-compare-fail=mean:5%")
    assert pytester.runpytest_subprocess(*compared, "--benchmark-json=b.json").ret == 0
    first, second = ((pytester.path / f"{name}.json").read_bytes() for name in ("a", "b"))
    assert first == second
    found = {one["param"]: one["stats"] for one in json.loads(first)["benchmarks"]}
    jitter = random.Random(3).random()
    assert found["600.0"]["mean"] == pytest.approx(600 + jitter, abs=1e-6)
    assert found["1.5"]["stddev"] == pytest.approx(0, abs=1e-6)
    assert json.loads(first)["machine_info"] == {"clock": "virtual"}
    pytester.makepyfile(TIMED.format(factor=1.2))
    regressed = pytester.runpytest_subprocess(*compared)
    assert regressed.ret != 0
    assert "Performance has regressed" in regressed.stderr.str() + regressed.stdout.str()


def test_benchmarks_in_real_time_still_name_their_machine(pytester, alone):
    """Only results that depend on none leave it out."""
    pytester.makepyfile("def test_one(benchmark): benchmark(lambda: None)")
    pytester.runpytest_subprocess("-p", "no:xdist", "--benchmark-json=a.json").assert_outcomes(passed=1)
    assert "cpu" in json.loads((pytester.path / "a.json").read_text())["machine_info"]


@pytest.mark.slow
def test_the_committed_baseline_of_timeouts_is_met(alone):
    """The worked example, as docs/ci.md shows it."""
    root = Path(__file__).parents[1]
    command = "tests/benchmarks/test_timeouts.py -p no:xdist -p no:cacheprovider --benchmark-enable"
    baseline = "--benchmark-compare=tests/benchmarks/timeouts.json --benchmark-compare-fail=mean:0.000001"
    words = [sys.executable, "-m", "pytest", *f"{command} {baseline}".split()]
    done = subprocess.run(words, check=False, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    assert "4 passed" in done.stdout
