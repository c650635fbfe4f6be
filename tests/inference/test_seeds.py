"""Two sources of error: against scipy where there is one, by simulation where there are both."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from boundcheck.inference.seeds import Error, Part, difference, mean_of_seeds, together


def test_without_error_over_instances_a_mean_has_students_interval_and_p_value() -> None:
    values = [0.1, 0.5, 0.2, 0.45]
    mean = mean_of_seeds(values, Part(0.0))
    student = stats.ttest_1samp(values, 0.0)
    expected = student.confidence_interval(0.9)
    assert mean.total.interval(mean.value, 0.9) == pytest.approx((expected.low, expected.high))
    assert mean.total.p_value(mean.value) == pytest.approx(student.pvalue)
    assert mean.spread == pytest.approx(np.std(values, ddof=1))


def test_half_widths_of_independent_errors_add_in_squares_and_p_values_go_with_them() -> None:
    error = together([Error((Part(3.0, 1.0),)), Error((Part(4.0, 10.0),))])
    assert error.se == pytest.approx(5.0)
    one, two = (stats.t(df).ppf(0.975) * se for se, df in ((3.0, 1.0), (4.0, 10.0)))
    assert error.half(0.95) == pytest.approx(math.hypot(one, two))
    for p in (1e-12, 0.001, 0.05, 0.7):
        assert error.p_value(error.half(1 - p)) == pytest.approx(p, rel=1e-3)
        assert error.p_value(-error.half(1 - p)) == error.p_value(error.half(1 - p))
    assert error.p_value(0.0) == pytest.approx(1.0) and Error((Part(1.0), Part(1.0))).p_value(1e3) == 0.0
    assert math.isnan(Error((Part(0.0, 2.0), Part(0.0))).p_value(1.0))


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [(2, 2), (2, 5), (3, 3), (5, 5)])
@pytest.mark.parametrize("spreads", [(1.0, 1.0), (4.0, 1.0), (1.0, 4.0), (4.0, 0.1)])
@pytest.mark.parametrize("instances", [0.0, 1.0])
def test_differences_of_few_seeds_cover_what_they_say(
    seeds: tuple[int, int], spreads: tuple[float, float], instances: float
) -> None:
    """Welch and Satterthwaite's 95 % cover 87 % of two seeds that differ by four times what instances leave."""
    rng, times, covered = np.random.default_rng(0), 1200, 0
    for _ in range(times):
        means = [
            mean_of_seeds((spread * rng.normal(size=count)).tolist(), Part(0.0))
            for count, spread in zip(seeds, spreads, strict=True)
        ]
        found = difference(*means, paired=Part(instances))
        low, high = found.total.interval(found.value + instances * rng.normal(), 0.95)
        covered += low <= 0.0 <= high
    assert covered / times >= 0.935  # 0.95 less 2.4 standard errors


def test_one_seed_says_nothing_of_others() -> None:
    one = mean_of_seeds([0.3], Part(0.01, 50.0))
    assert one.training is None and math.isnan(one.spread) and one.total == Error((Part(0.01, 50.0),))
    assert difference(one, mean_of_seeds([0.1, 0.2], Part(0.01))).training is None


@pytest.mark.parametrize("seeds", [2, 4])
@pytest.mark.parametrize(("between", "shared", "crossed"), [(1.0, 1.0, 1.0), (0.2, 1.0, 2.0), (0.0, 1.0, 0.0)])
def test_an_interval_over_seeds_and_instances_covers_what_it_says(
    between: float, shared: float, crossed: float, seeds: int
) -> None:
    """x[s, i] = seed + instance + both; instances enter with one root of n less, as in an average over them."""
    rng = np.random.default_rng(0)
    instances, times, covered = 40, 1500, 0
    for _ in range(times):
        own = between * rng.normal(size=(seeds, 1))
        x = own + np.sqrt(instances) * (
            shared * rng.normal(size=instances) + crossed * rng.normal(size=(seeds, instances))
        )
        deviation = x.mean(0) - x.mean()
        error = Part(float(np.sqrt(np.square(deviation).sum() / instances / (instances - 1))), instances - 1)
        mean = mean_of_seeds(x.mean(1).tolist(), error)
        low, high = mean.total.interval(mean.value, 0.95)
        covered += low <= 0.0 <= high
    assert covered / times >= 0.935  # at 1,500 draws 0.95 less 2.7 standard errors
    if not crossed:  # what is counted twice is then nothing
        assert covered / times <= 0.97
