"""Two sources of error: against scipy where there is one, by simulation where there are both."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from boundcheck.inference.seeds import Part, difference, mean_of_seeds, together


def test_without_error_over_instances_a_mean_has_students_interval() -> None:
    values = [0.1, 0.5, 0.2, 0.45]
    mean = mean_of_seeds(values, Part(0.0))
    low, high = mean.total.about(mean.value).interval(0.9)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    assert (low, high) == pytest.approx((expected.low, expected.high))
    assert mean.spread == pytest.approx(np.std(values, ddof=1))


def test_without_error_over_instances_a_difference_has_welchs_interval_and_p_value() -> None:
    a, b = [0.1, 0.5, 0.2, 0.45], [0.9, 0.7, 0.75]
    found = difference(mean_of_seeds(a, Part(0.0)), mean_of_seeds(b, Part(0.0)))
    welch = stats.ttest_ind(a, b, equal_var=False)
    expected = welch.confidence_interval(0.95)
    about = found.total.about(found.value)
    assert about.interval(0.95) == pytest.approx((expected.low, expected.high))
    assert 2 * min(about.p_value(), 1 - about.p_value()) == pytest.approx(welch.pvalue)


def test_one_seed_says_nothing_of_others() -> None:
    one = mean_of_seeds([0.3], Part(0.01, 50.0))
    assert one.training is None and math.isnan(one.spread) and one.total == Part(0.01, 50.0)
    assert difference(one, mean_of_seeds([0.1, 0.2], Part(0.01))).training is None


def test_errors_add_in_squares() -> None:
    both = together([Part(3.0, 4.0), Part(4.0, 10.0)])
    assert both.se == pytest.approx(5.0)
    assert both.freedom == pytest.approx(625 / (81 / 4 + 256 / 10))
    assert together([Part(0.0, 2.0)]).se == 0.0


@pytest.mark.parametrize(("between", "shared", "crossed"), [(1.0, 1.0, 1.0), (0.2, 1.0, 2.0), (0.0, 1.0, 0.0)])
def test_an_interval_over_seeds_and_instances_covers_what_it_says(
    between: float, shared: float, crossed: float
) -> None:
    """x[s, i] = seed + instance + both; instances enter with one root of n less, as in an average over them."""
    rng = np.random.default_rng(0)
    seeds, instances, times, covered = 4, 40, 1500, 0
    for _ in range(times):
        own = between * rng.normal(size=(seeds, 1))
        x = own + np.sqrt(instances) * (
            shared * rng.normal(size=instances) + crossed * rng.normal(size=(seeds, instances))
        )
        deviation = x.mean(0) - x.mean()
        error = Part(float(np.sqrt(np.square(deviation).sum() / instances / (instances - 1))), instances - 1)
        mean = mean_of_seeds(x.mean(1).tolist(), error)
        low, high = mean.total.about(mean.value).interval(0.95)
        covered += low <= 0.0 <= high
    assert covered / times >= 0.935  # at 1,500 draws 0.95 less 2.7 standard errors
    if not crossed:  # what is counted twice is then nothing
        assert covered / times <= 0.97
