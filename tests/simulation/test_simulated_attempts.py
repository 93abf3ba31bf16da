"""Simulated attempts follow the distributions that the mock draws from."""

import numpy as np
import pytest
import yaml
from pydantic import TypeAdapter
from scipy.stats import ks_2samp

from harness.config import compose
from harness.distributions import Distribution
from harness.draws import uniform
from harness.errors import UserError
from harness.profiles import Profile
from harness.simulation import FromProfile, FromScripts, FromTimes, simulate
from harness.simulation.sampling import sample
from harness.strategies import ADAPTER

ADAPT = TypeAdapter(Distribution)
DISTRIBUTIONS = """
- {kind: uniform, low: 1, high: 3}
- {kind: loguniform, low: 6, high: 55}
- {kind: lognormal, median: 0.9, sigma: 0.35}
- {kind: gamma, shape: 2.5, scale: 0.4}
- {kind: pareto, scale: 0.5, alpha: 1.5}
- {kind: quantiles, points: {0.1: 1, 0.5: 2, 0.9: 8}}
- {kind: empirical, times: [0.5, 0.6, 0.9, 4]}
- kind: mixture
  parts:
    - {weight: 3, of: {kind: lognormal, median: 0.5, sigma: 0.2}}
    - {weight: 1, of: {kind: uniform, low: 4, high: 5}}
"""


def profile(name: str, *words: str) -> Profile:
    return compose(None, [f"profile={name}", *words]).cells[0].profile


@pytest.mark.parametrize("fields", yaml.safe_load(DISTRIBUTIONS), ids=lambda fields: fields["kind"])
def test_samples_are_distributed_as_the_mocks_draws(fields):
    """Kolmogorov-Smirnov on 20,000 of each, with fixed seeds: a shift of a fiftieth would show."""
    distribution = ADAPT.validate_python(fields)
    ours = sample(distribution, 20_000, np.random.default_rng(3))
    theirs = [distribution.quantile(uniform(3, str(number), 1, "test")) for number in range(20_000)]
    assert ks_2samp(ours, theirs).pvalue > 0.01


def test_a_constant_is_always_the_same():
    """Nothing is drawn."""
    assert sample(ADAPT.validate_python(2.5), 3, np.random.default_rng(1)).tolist() == [2.5, 2.5, 2.5]


@pytest.mark.parametrize("name", ["article", "incident", "gpt_4o"])
def test_attempts_of_a_profile_are_distributed_as_its_scripts(name):
    """First contents and ends, those that never come among them."""
    ours = FromProfile(profile(name), 5).first_attempts(0, 20_000)
    theirs = FromScripts(profile(name), [5], 20_000).first_attempts(0, 20_000)
    for one, other in zip(ours, theirs, strict=True):
        assert np.isinf(one).mean() == pytest.approx(np.isinf(other).mean(), abs=0.004)
        assert ks_2samp(one[np.isfinite(one)], other[np.isfinite(other)]).pvalue > 0.01


def test_recorded_times_are_drawn_as_often_as_they_were_recorded():
    """One in four never answers."""
    begins, ends = FromTimes(np.array([1.0, 1.0, 2.0, np.inf]), 1, rests=0.5).first_attempts(0, 40_000)
    shares = [float((begins == time).mean()) for time in (1.0, 2.0, np.inf)]
    assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.01)
    assert set(np.unique(ends - np.where(np.isinf(begins), 0, begins))) == {0.5, np.inf}


def test_a_rest_goes_with_its_time():
    """What answers early goes on for long here, and the other way round."""
    begins, ends = FromTimes(np.array([1.0, 5.0]), 1, rests=np.array([10.0, 0.5])).first_attempts(0, 1_000)
    assert {(float(b), float(e)) for b, e in zip(begins, ends, strict=True)} == {(1.0, 11.0), (5.0, 5.5)}


@pytest.mark.parametrize(("times", "rests", "text"), [([], 0.0, "at least one"), ([1.0, 2.0], [1.0], "1 for 2 times")])
def test_no_times_are_no_recording(times, rests, text):
    """There would be nothing to draw, or nothing that goes with it."""
    with pytest.raises(ValueError, match=text):
        FromTimes(np.array(times), 1, rests=np.array(rests))


@pytest.mark.parametrize(
    ("name", "words", "reason"),
    [
        ("overload", [], "depends on how much is asked of it"),
        ("sticky_prompts", [], "chooses whom it meets"),
        ("gateway_502", [], "is more than a silence"),
        ("calm", ["fault=mid_stream_stall"], "is more than a silence"),
    ],
)
def test_profiles_that_are_more_than_silence_are_refused(name, words, reason):
    """With the reason, and what to do instead."""
    with pytest.raises(UserError, match=reason) as caught:
        FromProfile(profile(name, *words), 1)
    assert "run it in virtual time" in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"kind": "adaptive"}, "only the kinds"),
        ({"kind": "sdk"}, "only the kinds"),
        ({"kind": "restart", "dispatch": "aimd"}, "adapts to what comes back"),
        ({"kind": "restart", "stream": False}, "whole answer"),
        ({"kind": "restart", "patient": True}, "other timers"),
        ({"kind": "restart", "headers_timeout": 1}, "for the headers"),
        ({"kind": "restart", "retry_budget": {"kind": "share", "share": 0.1}}, "budgets"),
        ({"kind": "hedge", "hedge_budget": {"kind": "share", "share": 0.1}}, "budgets"),
    ],
)
def test_strategies_that_depend_on_more_than_one_request_are_refused(fields, reason):
    """With the reason."""
    strategy = ADAPTER.validate_python({"name": "s", **fields})
    with pytest.raises(UserError, match=reason):
        simulate(strategy, FromProfile(profile("calm"), 1), trials=1)
