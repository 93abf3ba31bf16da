"""How requests are released."""

import pytest

from harness.records import Attempt, Outcome
from harness.strategies.limiters import Aimd, Fixed, Gradient
from tests.runner.conftest import outcomes

WINDOW = ["strategy=single_loop", "strategy.dispatch=window", "strategy.in_flight=3", "trials=1"]


def in_flight(found: list[Outcome]) -> int:
    """The most requests that were under way at one instant."""
    steps = sorted([(one.start_s, 1) for one in found] + [(one.end_s, -1) for one in found])
    most = now = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


@pytest.mark.parametrize("network", ["direct", "memory"])
def test_a_window_keeps_so_many_under_way(play, network):
    """Never more, and a request begins in the instant in which another one ends."""
    result, folder = play(*WINDOW, f"network={network}", name=None)
    found = outcomes(folder)
    assert (result.exit_code, len(found), in_flight(found)) == (0, 10, 3)
    begins = sorted(one.start_s for one in found)[3:]
    ends = sorted(one.end_s for one in found)
    assert begins == ends[: len(begins)]


def test_a_window_is_one_batch(play):
    """Its total is from the first send to the last end, whatever the batch size."""
    from harness.analysis import summarise

    _, folder = play(*WINDOW, name=None)
    found = outcomes(folder)
    assert {one.batch for one in found} == {0}
    [cell] = summarise(folder)["cells"]
    assert cell["total_s"]["per_trial"] == [max(one.end_s for one in found)]


def test_windows_are_the_same_every_time(play):
    """Equal seeds give equal records."""
    lines = []
    for out in ("one", "two"):
        _, folder = play("strategy=adaptive", "strategy.dispatch=window", "strategy.in_flight=4", name=None, out=out)
        lines.append((folder.path / "records.jsonl").read_bytes())
    assert lines[0] == lines[1]
    assert lines[0]


def test_a_window_that_hits_its_limit_keeps_what_was_open(play):
    """As unfinished, and the cell is given up; the limit is that of a batch, times the batches."""
    result, folder = play(*WINDOW, "strategy.timeout=off", "profile=long_answer", "batch_limit_s=5", name=None)
    assert result.exit_code == 3
    assert {one.outcome for one in outcomes(folder)} == {"unfinished"}
    assert {one.end_s for one in outcomes(folder)} == {10.0}


def ended(start_s: float, end_s: float, *, status: int = 200, ttft_s: float = 1.0, outcome: str = "ok") -> Outcome:
    one = Attempt(1, "first", outcome, start_s, end_s, first_content_s=start_s + ttft_s, status=status)
    return Outcome("e", "c", 0, 0, 0, 0, outcome, start_s, end_s, attempts=(one,))


def test_a_fixed_window_stays():
    """Whatever comes back."""
    limiter = Fixed(7)
    limiter.ended(ended(0.0, 1.0, status=429, outcome="status_error"), 7)
    assert limiter.limit == 7


def test_aimd_grows_by_one_for_a_windows_worth_of_answers():
    """Only while the window is used."""
    limiter = Aimd(4)
    for number in range(5):
        limiter.ended(ended(number, number + 1.0), limiter.limit)
    assert limiter.limit == 5
    for number in range(50):
        limiter.ended(ended(number, number + 1.0), 1)
    assert limiter.limit == 5


def test_aimd_halves_once_for_one_overload():
    """Of ten that were pushed back together the first alone counts."""
    limiter = Aimd(16)
    for _ in range(10):
        limiter.ended(ended(0.0, 1.0, status=429, outcome="status_error"), 16)
    assert limiter.limit == 8
    limiter.ended(ended(2.0, 3.0, status=429, outcome="status_error"), 8)
    assert limiter.limit == 4


def test_the_gradient_shrinks_when_answers_become_slow():
    """And grows while they do not."""
    limiter = Gradient(20, most=200)
    for number in range(100):
        limiter.ended(ended(number, number + 1.0), limiter.limit)
    grown = limiter.limit
    assert grown > 20
    for number in range(60):
        limiter.ended(ended(number, number + 9.0, ttft_s=8.0), limiter.limit)
    assert limiter.limit < grown


def test_limits_never_fall_below_one():
    """Else nothing would ever be sent again."""
    for limiter in (Aimd(1), Gradient(1, most=10)):
        for number in range(20):
            limiter.ended(ended(number, number + 0.5, status=503, outcome="status_error"), 1)
        assert limiter.limit == 1
