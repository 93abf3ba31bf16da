"""Every distribution is asked by its inverse CDF, in seconds."""

import math

import pytest
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from harness.distributions import Distribution

ADAPTER = TypeAdapter(Distribution)
GRID = [0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999]


@pytest.mark.parametrize(
    ("settings", "reference"),
    [
        ({"kind": "uniform", "low": 1, "high": 3}, stats.uniform(1, 2)),
        ({"kind": "loguniform", "low": 6, "high": 55}, stats.loguniform(6, 55)),
        ({"kind": "lognormal", "median": 0.9, "sigma": 0.35}, stats.lognorm(0.35, scale=0.9)),
        ({"kind": "gamma", "shape": 2.5, "scale": 0.4}, stats.gamma(2.5, scale=0.4)),
        ({"kind": "pareto", "scale": 0.5, "alpha": 1.5}, stats.pareto(1.5, scale=0.5)),
    ],
)
def test_quantiles_are_those_of_the_named_distribution(settings, reference):
    """SciPy, written by others, gives the same numbers."""
    ours = ADAPTER.validate_python(settings)
    assert [ours.quantile(u) for u in GRID] == pytest.approx([reference.ppf(u) for u in GRID], rel=1e-9)


def test_a_bare_number_is_a_constant():
    """`headers: 0.5` is enough to say it."""
    assert ADAPTER.validate_python(0.5).quantile(0.123) == 0.5


def test_a_table_of_quantiles_is_read_along_straight_lines():
    """Between the points linear, beyond them constant."""
    table = ADAPTER.validate_python({"kind": "quantiles", "points": {0.5: 1.0, 0.9: 3.0, 0.99: 12.0}})
    assert [table.quantile(u) for u in (0.1, 0.5, 0.7, 0.9, 0.999)] == pytest.approx([1, 1, 2, 3, 12])


def test_a_mixture_gives_each_part_its_weight():
    """A fifth of an even grid of draws falls into the part of weight 1 of 5."""
    mixture = ADAPTER.validate_python(
        {
            "kind": "mixture",
            "parts": [{"weight": 4, "of": 1.0}, {"weight": 1, "of": {"kind": "uniform", "low": 2, "high": 3}}],
        }
    )
    drawn = [mixture.quantile((i + 0.5) / 1000) for i in range(1000)]
    assert sum(value == 1.0 for value in drawn) == 800
    assert sorted(value for value in drawn if value > 1)[100] == pytest.approx(2.5, abs=0.01)


@pytest.mark.parametrize(
    "settings",
    [
        0.7,
        {"kind": "uniform", "low": 1, "high": 3},
        {"kind": "loguniform", "low": 6, "high": 55},
        {"kind": "lognormal", "median": 0.9, "sigma": 0.35},
        {"kind": "gamma", "shape": 2.5, "scale": 0.4},
        {"kind": "pareto", "scale": 0.5, "alpha": 1.5},
        {"kind": "quantiles", "points": {0.5: 1.0, 0.9: 3.0}},
        {
            "kind": "mixture",
            "parts": [{"weight": 1, "of": 1.0}, {"weight": 2, "of": {"kind": "uniform", "low": 2, "high": 3}}],
        },
    ],
)
def test_scaling_multiplies_every_quantile(settings):
    """time_scale changes times and nothing else."""
    ours = ADAPTER.validate_python(settings)
    half = ours.scaled(0.5)
    assert [half.quantile(u) for u in GRID] == pytest.approx([ours.quantile(u) / 2 for u in GRID])
    assert min(half.quantile(u) for u in GRID) > 0


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "lognormal", "median": 1, "sigma": 50},
        {"kind": "pareto", "scale": 1, "alpha": 0.1},
        {"kind": "gamma", "shape": 0.001, "scale": 1},
        {"kind": "loguniform", "low": 1e-9, "high": 1e9},
    ],
)
def test_the_rarest_draws_of_the_widest_settings_are_numbers(settings):
    """A draw that comes once in 2^53 neither raises nor gives a time that is no time."""
    ours = ADAPTER.validate_python(settings)
    lowest, highest = ours.quantile(2.0**-54), ours.quantile(1 - 2.0**-53)
    assert 0 <= lowest < highest < math.inf


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"kind": "uniform", "low": 3, "high": 1}, "low .3. is above high .1."),
        ({"kind": "quantiles", "points": {0.5: 3.0, 0.9: 1.0}}, "times must not fall"),
        ({"kind": "quantiles", "points": {}}, "at least one quantile"),
        ({"kind": "quantiles", "points": {1.5: 1.0}}, "less than or equal to 1"),
        ({"kind": "mixture", "parts": []}, "at least one"),
        ({"kind": "lognormal", "median": -1, "sigma": 0.1}, "greater than 0"),
        ({"kind": "lognormal", "median": math.inf, "sigma": 0.1}, "finite"),
        ({"kind": "lognormal", "median": 1, "sigma": 51}, "less than or equal to 50"),
        ({"kind": "pareto", "scale": 1, "alpha": 0.09}, "greater than or equal to 0.1"),
        ({"kind": "exponential", "mean": 1}, "exponential"),
        ({"kind": "constant", "value": -0.1}, "greater than or equal to 0"),
        ({"kind": "constant", "valu": 0.1}, "valu"),
    ],
)
def test_impossible_distributions_are_refused(settings, complaint):
    """Nothing is drawn from settings that make no sense."""
    with pytest.raises(ValidationError, match=complaint):
        ADAPTER.validate_python(settings)
