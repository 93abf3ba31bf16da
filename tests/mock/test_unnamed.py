"""Requests of clients that give them no name."""

import openai

from harness.mock.unnamed import RETRY_COUNT, Unnamed

FAILING_ONCE = {"faults": [{"kind": "status_error", "probability": 1, "status": 503, "first_attempts": 1}]}


def retry(number: int) -> dict[bytes, bytes]:
    return {RETRY_COUNT: str(number).encode()}


def test_requests_are_numbered_as_they_arrive():
    """Whatever they say."""
    unnamed = Unnamed()
    assert [unnamed.arrived({}, b"same") for _ in range(3)] == [("0", 1), ("1", 1), ("2", 1)]


def test_a_retry_of_an_equal_body_is_the_same_request():
    """Its attempts are numbered by what the SDK says."""
    unnamed = Unnamed()
    found = [unnamed.arrived(retry(n), body) for n, body in ((0, b"a"), (0, b"b"), (1, b"a"), (1, b"b"), (2, b"a"))]
    assert found == [("0", 1), ("1", 1), ("0", 2), ("1", 2), ("0", 3)]


def test_each_request_is_retried_once_at_a_time():
    """Two equal requests that are both retried stay two."""
    unnamed = Unnamed()
    first = [unnamed.arrived(retry(0), b"a")[0] for _ in range(2)]
    second = [unnamed.arrived(retry(1), b"a")[0] for _ in range(2)]
    assert sorted(first) == sorted(second) == ["0", "1"]


def test_what_is_waited_for_is_bounded():
    """A million requests that succeed leave little behind."""
    unnamed = Unnamed()
    for number in range(30_000):
        unnamed.arrived(retry(0), str(number).encode())
    assert len(unnamed._due) <= 10_000


def test_faults_of_first_attempts_spare_the_sdks_retries(mock_llm):
    """As its own client sends them, without any header of ours."""

    async def scene(base_url: str) -> str:
        async with openai.AsyncOpenAI(base_url=base_url, api_key="any", max_retries=1) as client:
            client._platform = "Linux"
            answer = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
            return str(answer.choices[0].finish_reason)

    played = mock_llm.play(scene, FAILING_ONCE)
    assert [(line["request"], line["attempt"], line["status"]) for line in played.log()] == [
        ("0", 1, 503),
        ("0", 2, 200),
    ]


def test_what_sticks_to_prompts_sticks_to_bodies(mock_llm):
    """A copy that no header links to its first attempt is the same prompt: both are slow, or neither is."""
    slow = {
        "faults": [{"kind": "slow_prompt", "probability": 0.5, "duration": {"kind": "uniform", "low": 5, "high": 9}}]
    }

    async def scene(base_url: str) -> None:
        async with openai.AsyncOpenAI(base_url=base_url, api_key="any", max_retries=0) as client:
            client._platform = "Linux"
            for text in "abcdefgh" * 2:
                await client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}])

    lines = mock_llm.play(scene, slow).log()
    ends = [round(line["events"][-1]["real_s"], 6) for line in lines]
    assert [line["request"] for line in lines] == [str(number) for number in range(16)]
    assert ends[:8] == ends[8:]
    assert 0 < sum(end > 0 for end in ends) < 16
