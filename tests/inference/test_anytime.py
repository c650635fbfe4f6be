"""The confidence sequence: its error rate over all times at once, its formula, and how the two errors combine."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from boundcheck.inference.anytime import NARROWEST, anytime_error, boundary

SEQUENCES, LAST = 1000, 8000


@pytest.mark.parametrize("skewed", [False, True])
def test_it_misses_no_more_often_than_promised_over_all_times_at_once(skewed):
    """Every tenth time from 500 on; a fixed-time interval looked at as often misses several times as often."""
    rng = np.random.default_rng(11)
    alpha, times = 0.1, np.arange(500, LAST + 1, 10)
    widths = np.array([boundary(int(t), alpha) for t in times])
    missed = fixed = 0
    for _ in range(SEQUENCES):
        x = rng.exponential(size=LAST) - 1 if skewed else rng.standard_normal(LAST)
        mean = np.cumsum(x)[times - 1] / times
        sd = np.sqrt(np.cumsum(x**2)[times - 1] / times - mean**2)
        missed += bool((np.abs(mean) > widths * sd).any())
        fixed += bool((np.abs(mean) > norm.ppf(1 - alpha / 2) * sd / np.sqrt(times)).any())
    assert missed / SEQUENCES <= alpha + 2 * math.sqrt(alpha * (1 - alpha) / SEQUENCES)
    assert fixed / SEQUENCES > 2 * alpha


def test_the_boundary_is_that_of_the_theorem():
    t, alpha = 700, 0.05
    rho = math.sqrt((-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / NARROWEST)
    mixed = t * rho**2 + 1
    expected = math.sqrt(2 * mixed / (t**2 * rho**2) * math.log(math.sqrt(mixed) / alpha))
    assert boundary(t, alpha) == pytest.approx(expected)


def test_it_is_wider_than_a_fixed_time_interval_and_shrinks():
    widths = [boundary(t, 0.05) * math.sqrt(t) for t in (100, 500, 2000, 10_000, 100_000)]
    assert min(widths) > norm.ppf(0.975)
    assert widths[2] < widths[0]
    assert widths[2] < widths[4]
    assert boundary(100_000, 0.05) < boundary(10_000, 0.05) < boundary(500, 0.05)


def test_all_anchors_leave_the_error_of_the_data():
    ratio = norm.ppf(1 - 0.05 / 4) / norm.ppf(1 - 0.05 / 2)
    assert anytime_error(0.3, 0.0, 1000, 1000, 0.95) == pytest.approx(0.3 * ratio)


def test_the_two_errors_have_half_of_alpha_each():
    """A standard deviation of 2 at 400 of 1,600 anchors has error 2 sqrt(3/4) / 20; the data's own is 0.05."""
    sampling = 2 * math.sqrt(0.75) / 20
    half = 2 * boundary(400, 0.05) + norm.ppf(1 - 0.1 / 4) * 0.05
    found = anytime_error(math.hypot(sampling, 0.05), sampling, 400, 1600, 0.9)
    assert found * norm.ppf(0.95) == pytest.approx(half)
