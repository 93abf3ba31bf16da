"""The times of independent attempts, from a profile or from a recording."""

import math

import numpy as np
import pytest

from harness.bounds import Latency, why_not
from harness.errors import UserError
from harness.profiles import Profile

LONG = {
    "name": "long",
    "headers": {"kind": "lognormal", "median": 0.5, "sigma": 0.5},
    "first_content": {"kind": "uniform", "low": 0.1, "high": 0.5},
    "between_tokens": {"kind": "uniform", "low": 0.05, "high": 0.25},
    "end": 0.1,
    "output_tokens": 12,
    "faults": [
        {"kind": "stall", "probability": 0.1, "duration": {"kind": "loguniform", "low": 5, "high": 30}},
        {"kind": "silent_truncation", "probability": 0.05, "tokens": 5},
        {"kind": "status_error", "probability": 0.05, "after": 0.2},
    ],
}


def test_survival_is_a_step_function_of_the_answers():
    """At the instant of an answer it has come; an error is none."""
    latency = Latency(
        times=np.array([1.0, 2.0, 4.0]),
        first=np.array([1.0, 2.0, 4.0]),
        ok=np.array([True, False, True]),
        weights=np.array([0.5, 0.2, 0.3]),
    )
    assert latency.survival([0.9, 1.0, 3.9, 4.0]) == pytest.approx([1, 0.5, 0.5, 0.2])


def test_weights_that_are_no_probabilities_are_refused():
    """They must add up to 1."""
    one = np.ones(1)
    with pytest.raises(ValueError, match=r"0\.9"):
        Latency(times=one, first=one, ok=one.astype(bool), weights=one * 0.9)


@pytest.mark.parametrize("stream", [True, False])
def test_a_profile_gives_what_its_scripts_give(stream):
    """The share of 2,000 scripts that are not answered by t lies within four standard errors."""
    profile = Profile.from_dict(LONG)
    answers = []
    for i in range(2000):
        script = profile.script(1, str(i), 1, stream=stream)
        answers.append(min((event.at_s for event in script.events if event.name in {"finish", "done"}), default=9e9))
    grid = np.array([1.5, 2.0, 2.5, 3.0, 4.0, 10.0, 20.0])
    expected = Latency.of_profile(profile, stream=stream).survival(grid)
    found = np.mean(np.array(answers)[:, None] > grid, axis=0)
    errors = np.sqrt(np.maximum(expected * (1 - expected), 0) / 2000)
    assert np.all(np.abs(found - expected) <= 4 * errors + 1e-9)


def test_faults_have_exactly_their_probability():
    """Not that of a sample: a twentieth is truncated, another answered with an error at 0.2 s."""
    latency = Latency.of_profile(Profile.from_dict(LONG), stream=True)
    assert latency.weights[~latency.ok].sum() == pytest.approx(0.1, abs=1e-12)


def test_with_streaming_the_first_content_comes_before_the_answer():
    """The article's long answer begins after 1 s and takes 21 s."""
    profile = Profile.from_dict(
        {"name": "x", "first_content": 1, "between_tokens": 0.2, "end": 0.2, "output_tokens": 100}
    )
    latency = Latency.of_profile(profile, stream=True)
    assert (latency.first[0], latency.times[0]) == pytest.approx((1, 21))


def test_without_streaming_the_first_content_is_the_answer():
    """There is nothing to see before."""
    latency = Latency.of_profile(Profile.from_dict(LONG | {"faults": []}), stream=False)
    assert np.array_equal(latency.first, latency.times)


def test_healthy_attempts_meet_no_fault():
    """All of them answer, none after the shortest stall and the slowest healthy answer."""
    latency = Latency.of_profile(Profile.from_dict(LONG), stream=True, healthy=True)
    assert latency.ok.all()


def test_a_malformed_chunk_is_where_a_stream_ends():
    """The SDK raises there, though the rest would follow."""
    fault = {"kind": "malformed_chunk", "probability": 1.0, "tokens": 1}
    profile = Profile.from_dict({"name": "x", "first_content": 1, "output_tokens": 2, "end": 1, "faults": [fault]})
    latency = Latency.of_profile(profile, stream=True)
    assert (latency.times.max(), latency.ok.any()) == (1, False)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"load": {"slots": 10}}, "how fast its server answers depends on how much is asked of it at once."),
        ({"faults": [{"kind": "overload", "probability": 0.1}]}, "depend on the others under way"),
        ({"faults": [{"kind": "stale_keepalive", "probability": 0.1}]}, "on what its connection served before"),
        ({"faults": [{"kind": "slow_prompt", "probability": 0.1}]}, "meets all attempts of a request or none"),
        ({"faults": [{"kind": "correlated_outage", "probability": 0.1}]}, "within a stretch of time"),
        ({"faults": [{"kind": "connect_refused", "probability": 0.1}]}, "over one connection"),
        ({"faults": [{"kind": "status_error", "probability": 0.1, "first_attempts": 1}]}, "by their number"),
        ({"faults": [{"kind": "status_error", "probability": 0.1, "every": 5}]}, "by their number"),
        ({"faults": [{"kind": "wrong_content_length", "probability": 0.1}]}, "the client's parser"),
    ],
)
def test_a_profile_without_independent_attempts_has_no_bounds(change, reason):
    """The reason is a sentence."""
    assert reason in str(why_not(Profile.from_dict({"name": "x"} | change)))


def test_a_profile_of_independent_attempts_has_bounds():
    """There is no reason against them."""
    assert why_not(Profile.from_dict(LONG)) is None
    assert why_not(Profile.from_dict(LONG).scaled(0.1)) is None


def test_the_latency_of_dependent_attempts_is_an_error_of_the_user():
    """It names the profile and the reason."""
    with pytest.raises(UserError, match=r"No bounds for busy: how fast"):
        Latency.of_profile(Profile.from_dict({"name": "busy", "load": {"slots": 10}}), stream=True)


def test_censored_attempts_count_until_they_are_given_up():
    """Answered at 1 and 3 s, given up at 2 and 4 s: S = 3/4 from 1 s and 3/4 x 1/2 from 3 s (Kaplan and Meier)."""
    latency = Latency.of_times([3.0, 1.0], censored=[2.0, 4.0])
    assert latency.survival([0.5, 1, 2.9, 3, 99]) == pytest.approx([1, 0.75, 0.75, 0.375, 0.375])


def test_who_is_given_up_at_the_instant_of_an_answer_was_still_under_way():
    """One answer at 2 s, another attempt given up then: half of them answered."""
    assert Latency.of_times([2.0], censored=[2.0]).survival(2.0) == pytest.approx(0.5)


def test_what_lies_beyond_the_last_answer_never_comes():
    """A recording says nothing about it."""
    assert Latency.of_times([1.0], censored=[600.0]).never == pytest.approx(0.5)


def test_a_long_recording_keeps_its_mean_and_its_tail():
    """50,000 times become few, and the survival at the 99.9 % point stays within a tenth."""
    times = np.random.default_rng(1).lognormal(0, 1, 50_000)
    latency = Latency.of_times(times.tolist())
    assert latency.times.size < 1500
    assert float(latency.times @ latency.weights) == pytest.approx(times.mean())
    assert latency.survival(np.quantile(times, 0.999)) == pytest.approx(0.001, rel=0.1)


def test_without_an_answer_there_is_no_latency():
    """Nothing can be estimated from attempts given up."""
    with pytest.raises(ValueError, match="at least one"):
        Latency.of_times([], censored=[math.pi])
