"""Means and ratios with their certainty, as arithmetic."""

import numpy as np
import pytest
from scipy import stats

from harness.analysis.statistics import (
    estimate,
    log_ratio,
    mean,
    mean_interval,
    quantile_interval,
)


def ratio_interval(above, below, *, paired=True):
    found = log_ratio(above, below, paired=paired)
    return None if found is None else found.interval()


VALUES = [93.0, 101.0, 88.5, 97.25, 110.0]


def test_the_mean_does_not_depend_on_the_order():
    """Summed exactly."""
    assert mean([1e16, 1.0, -1e16]) == mean([1.0, 1e16, -1e16]) == pytest.approx(1 / 3)


def test_the_interval_of_a_mean_is_students():
    """SciPy's own computation gives the same."""
    expected = stats.t.interval(0.95, len(VALUES) - 1, loc=np.mean(VALUES), scale=stats.sem(VALUES))
    assert mean_interval(VALUES) == pytest.approx(expected)


def test_one_value_has_no_interval():
    """It says nothing about its own spread."""
    assert mean_interval([3.0]) is None


def test_the_interval_of_a_ratio_covers_the_truth():
    """In 93 to 97 % of 2,000 experiments with 30 paired trials; the seeds are fixed."""
    hits = 0
    for seed in range(2000):
        generator = np.random.default_rng(seed)
        common = generator.gamma(20, 1, 30)
        above, below = 3 * common * generator.gamma(50, 0.02, 30), common
        found = ratio_interval(above.tolist(), below.tolist())
        assert found is not None
        hits += found[0] <= 3 <= found[1]
    assert 0.93 <= hits / 2000 <= 0.97


def test_pairing_narrows_the_interval():
    """What trials share cancels out."""
    generator = np.random.default_rng(1)
    common = generator.gamma(2, 10, 40)
    above, below = (2 * common + generator.normal(0, 0.1, 40)).tolist(), common.tolist()
    paired, unpaired = ratio_interval(above, below), ratio_interval(above, below, paired=False)
    assert paired is not None
    assert unpaired is not None
    assert (paired[1] - paired[0]) * 10 < unpaired[1] - unpaired[0]


def test_a_ratio_of_equal_things_is_one():
    """A against A, paired, is exactly 1."""
    assert ratio_interval(VALUES, VALUES) == (1.0, 1.0)


def test_two_trials_give_no_ratio():
    """Two say next to nothing of their spread."""
    assert ratio_interval([1.0, 2.0], [1.0, 2.0]) is None


def test_unpaired_ratios_use_welchs_freedom():
    """Against a hand computation for two small samples."""
    found = ratio_interval([10.0, 12.0, 14.0], [5.0, 6.0, 5.5], paired=False)
    relative = (4 / 3 / 144, 0.25 / 3 / 5.5**2)
    freedom = sum(relative) ** 2 / (relative[0] ** 2 / 2 + relative[1] ** 2 / 2)
    half = stats.t.ppf(0.975, freedom) * sum(relative) ** 0.5
    assert found == pytest.approx((12 / 5.5 * np.exp(-half), 12 / 5.5 * np.exp(half)))


def test_skewness_is_corrected_as_hall_does():
    """Against his formula written down for one sample; below ten values it is Student's t."""
    values = [1.0, 2, 2, 3, 3, 3, 4, 4, 6, 12]
    n, center, error = len(values), np.mean(values), stats.sem(values)
    a = stats.skew(values, bias=False) / np.sqrt(n)
    t = stats.t.ppf(0.975, n - 1)
    inverse = [3 / a * (np.cbrt(1 + a * (x - a / 6)) - 1) for x in (t, -t)]
    assert mean_interval(values) == pytest.approx((center - error * inverse[0], center - error * inverse[1]))
    nine = values[1:]
    assert mean_interval(nine) == pytest.approx(stats.t.interval(0.95, 8, loc=np.mean(nine), scale=stats.sem(nine)))


def test_a_p_value_is_that_of_the_interval():
    """At the lower end of a 95 % interval one side has 2.5 %, corrected for skewness or not."""
    for values in (VALUES, [1.0, 2, 2, 3, 3, 3, 4, 4, 6, 12]):
        found = estimate(values)
        assert found is not None
        assert found.p_above(found.interval()[0]) == pytest.approx(0.025)
        assert found.p_above(found.interval()[1]) == pytest.approx(0.975)


def test_the_interval_of_a_quantile_is_read_off_the_quantiles():
    """Woodruff's: the share below the median varies from trial to trial; by hand for three of them."""
    values = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] * 4)
    clusters = np.repeat([0, 1, 2, 3], 12)
    assert quantile_interval(values, clusters, 0.5) == (6.5, 6.5)
    moved = values + np.repeat([0.0, 1, 0, -1], 12)
    shares = np.array([(moved[clusters == c] <= 6.5).mean() for c in range(4)])
    half = stats.t.ppf(0.975, 3) * shares.std(ddof=1) / 2
    assert quantile_interval(moved, clusters, 0.5) == pytest.approx(np.quantile(moved, [0.5 - half, 0.5 + half]))
