"""Means and ratios with their certainty, as arithmetic."""

import numpy as np
import pytest
from scipy import stats

from harness.analysis.statistics import excludes_one, mean, mean_interval, ratio_interval

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


@pytest.mark.parametrize(
    ("interval", "answer"), [((1.1, 2.0), True), ((0.5, 0.9), True), ((0.9, 1.1), False), (None, None)]
)
def test_significant_means_that_the_interval_excludes_one(interval, answer):
    """No interval is no answer."""
    assert excludes_one(interval) is answer


def test_unpaired_ratios_use_welchs_freedom():
    """Against a hand computation for two small samples."""
    found = ratio_interval([10.0, 12.0, 14.0], [5.0, 6.0, 5.5], paired=False)
    relative = (4 / 3 / 144, 0.25 / 3 / 5.5**2)
    freedom = sum(relative) ** 2 / (relative[0] ** 2 / 2 + relative[1] ** 2 / 2)
    half = stats.t.ppf(0.975, freedom) * sum(relative) ** 0.5
    assert found == pytest.approx((12 / 5.5 * np.exp(-half), 12 / 5.5 * np.exp(half)))
