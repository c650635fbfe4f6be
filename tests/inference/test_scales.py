"""Intervals of ratios and of what has a kink: what they cover that the plain jackknife's does not."""

import math

import numpy as np
import pytest

from boundcheck.inference.delete_group import delete_group
from boundcheck.inference.intervals import Estimate
from boundcheck.inference.scales import of_kink, of_ratio

GROUPS, SAMPLES = 20, 400


def covered(form, statistic, draw, truth: float) -> tuple[float, float]:
    """Coverage of 95 % by the form where it is given, which is often, and by the plain jackknife; samples of 20."""
    rng, hits, plain, given = np.random.default_rng(0), 0, 0, 0
    label = np.zeros(GROUPS, dtype=int)
    for _ in range(SAMPLES):
        x = draw(rng)
        (estimate,) = delete_group(lambda keep, x=x: np.array([statistic(x[keep])]), label)
        low, high = estimate.interval(0.95)
        plain += low <= truth <= high
        if form is of_ratio:
            (estimate,) = delete_group(lambda keep, x=x: np.log([statistic(x[keep])]), label)
        shown = form(estimate, 0.95)
        given += not math.isnan(shown.low)
        hits += shown.low <= truth <= shown.high
    assert given >= SAMPLES / 3
    return hits / given, plain / SAMPLES


def test_a_skewed_ratio_is_covered_on_the_scale_of_its_logarithm() -> None:
    ratio, plain = covered(of_ratio, lambda x: x.var() / x.mean() ** 2, lambda rng: rng.exponential(size=20), 1.0)
    assert ratio >= plain + 0.03 and ratio >= 0.88


def test_a_norm_of_zero_is_covered_although_its_bias_falls_slowly() -> None:
    kink, plain = covered(
        of_kink, lambda x: float(np.linalg.norm(x.mean(0))), lambda rng: rng.standard_normal((20, 9)), 0.0
    )
    assert kink >= 0.88 and plain <= 0.75


def test_a_correction_of_more_than_twofold_has_no_interval() -> None:
    within, beyond = Estimate(0.6, 0.0, 0.1, replicates=20), Estimate(0.8, 0.0, 0.1, replicates=20)
    shown = of_ratio(within, 0.95)
    assert shown.estimate == pytest.approx(math.exp(0.6)) and shown.plugin == 1.0
    assert shown.low < shown.estimate < shown.high
    assert (shown.low * shown.high) ** 0.5 == pytest.approx(shown.estimate)
    assert of_ratio(beyond, 0.95)[:2] == (1.0, 1.0) and math.isnan(of_ratio(beyond, 0.95).low)


def test_a_ratio_that_says_little_of_its_size_has_no_interval() -> None:
    """A denominator near zero in the sample may be zero in the population."""
    sure, unsure = (of_ratio(Estimate(0.1, 0.0, se, replicates=20), 0.95) for se in (0.39, 0.41))
    assert sure.low < 1 < sure.high and unsure[:2] == (1.0, 1.0) and math.isnan(unsure.low + unsure.high + unsure.se)


@pytest.mark.parametrize("plugin", [0.0, math.inf])
def test_points_and_equal_means_have_their_plug_in_alone(plugin: float) -> None:
    with np.errstate(divide="ignore"):
        log = float(np.log(plugin))
    shown = of_ratio(Estimate(log, log, math.nan), 0.95)
    assert shown.estimate == shown.plugin == plugin and math.isnan(shown.low + shown.high + shown.se)
