import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from boundcheck.inference.intervals import Estimate, Share


def test_normal_intervals_and_p_values():
    estimate = Estimate(value=1.0, plugin=0.9, se=0.5)
    assert estimate.interval(0.95) == pytest.approx((1 - 0.979982, 1 + 0.979982), abs=1e-6)
    assert estimate.p_value() == pytest.approx(0.0455003 / 2, abs=1e-7)
    assert Estimate(-1.0, -1.0, 0.5).p_value() == pytest.approx(1 - 0.0455003 / 2, abs=1e-7)
    assert Estimate(0.0, 0.0, 1.0).p_value() == 0.5


def test_one_instance_that_carries_the_variance_widens_the_interval():
    light, heavy = (Estimate(1.0, 1.0, 0.5, share).interval(0.95) for share in (0.001, 0.25))
    assert light == pytest.approx((1 - 0.98117, 1 + 0.98117), abs=1e-4)  # t at 1,000 degrees of freedom
    assert heavy == pytest.approx((1 - 1.38822, 1 + 1.38822), abs=1e-4)  # at 4


def test_the_spread_of_few_values_leaves_few_degrees_of_freedom():
    few = Estimate(1.0, 1.0, 0.5, replicates=20).interval(0.95)
    assert few == pytest.approx((1 - 1.04651, 1 + 1.04651), abs=1e-4)  # t at 19
    assert Estimate(1.0, 1.0, 0.5, 0.25, replicates=20).interval(0.95) == Estimate(1.0, 1.0, 0.5, 0.25).interval(0.95)


def test_without_a_standard_error_nothing_is_tested():
    assert math.isnan(Estimate(1e-9, 1e-9, 0.0).p_value())
    assert Estimate(2.0, 2.0, 0.0).interval(0.95) == (2.0, 2.0)


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (3, 10), (50, 100), (100, 100)])
def test_independent_instances_give_the_exact_interval(successes, n):
    p = successes / n
    expected = binomtest(successes, n).proportion_ci(0.95, method="exact")
    found = Share(p, math.sqrt(p * (1 - p) / n), n).interval(0.95)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_dependent_instances_widen_it_and_agreement_still_leaves_doubt():
    alone, shared = Share(0.8, 0.04, 100), Share(0.8, 0.08, 100)
    assert shared.interval(0.95)[0] < alone.interval(0.95)[0]
    assert shared.interval(0.95)[1] > alone.interval(0.95)[1]
    low, high = Share(1.0, 0.0, 50).interval(0.95)
    assert high == 1.0
    assert low == pytest.approx(0.025 ** (1 / 50))


@pytest.mark.parametrize("share", [1 - 1e-5, 1 - 4e-4, 0.999, 0.99, 0.7, 0.5, 2e-4])
def test_independent_instances_are_covered_however_close_the_share_is_to_its_ends(share):
    """Exactly, over every number of 400 instances that may meet it; the score interval covers 85 % at 0.9996."""
    covered = 0.0
    for met in range(401):
        p = met / 400
        low, high = Share(p, math.sqrt(p * (1 - p) / 400), 400).interval(0.95)
        covered += binom.pmf(met, 400, share) * (low <= share <= high)
    assert covered >= 0.95 - 1e-9


ZERO = st.just(0.0)


@given(
    value=ZERO | st.floats(1e-6, 1),
    se=ZERO | st.floats(1e-6, 1),
    n=st.integers(1, 10_000),
    confidence=st.floats(0.5, 0.999),
)
def test_a_share_lies_in_its_interval_within_the_unit(value, se, n, confidence):
    low, high = Share(value, se, n).interval(confidence)
    assert 0.0 <= low <= value <= high <= 1.0


@given(
    value=ZERO | st.floats(1e-6, 1),
    own=ZERO | st.floats(1e-6, 0.3),
    more=st.floats(1.0, 10.0),
    top=ZERO | st.floats(1e-3, 1),
)
def test_pools_widen_the_interval_of_a_share_by_no_more_than_their_own(value, own, more, top):
    alone = Share(value, own, 200)
    with_pools = alone.with_pools(more * own, top)
    (low, high), (least, most) = alone.interval(0.95), with_pools.interval(0.95)
    assert 0.0 <= least <= low and high <= most <= 1.0
    pools = Estimate(value, value, math.sqrt(max(more**2 - 1, 0)) * own, top)
    reach = pools.interval(0.95)[1] - value
    assert low - least <= reach + 1e-9 and most - high <= reach + 1e-9
    assert with_pools.with_pools(more * own, top) == with_pools


def test_pools_that_one_instance_moves_leave_a_share_near_one_near_one():
    """Of 10,000 anchors 4 in 10,000 fail; counted in one size, the pools' part leaves eleven instances."""
    own = math.sqrt(0.9996 * 0.0004 / 10_000)
    low, high = Share(0.9996, own, 10_000).with_pools(0.006, 0.0).interval(0.95)
    assert 0.9996 - 1.96 * 0.0061 < low < 0.99 and high == 1.0
    assert Share(0.9996, 0.006, 10_000).interval(0.95)[0] < 0.75


@given(value=st.floats(0, 1), se=st.floats(1e-6, 0.3), rest=st.floats(-2, 2))
def test_what_a_share_may_yet_change_by_is_added_to_the_end_it_leads_to(value, se, rest):
    low, high = Share(value, se, 100).interval(0.95)
    found = Share(value, se, 100, rest=rest).interval(0.95)
    assert found == (max(low + min(rest, 0), 0), min(high + max(rest, 0), 1))


def test_a_population_has_no_interval_and_an_undefined_share_none_either():
    assert Share(0.7, 0.0, 10, exhaustive=True).interval(0.95) == (0.7, 0.7)
    assert all(np.isnan(end) for end in Share(math.nan, math.nan, 0).interval(0.95))


def test_an_error_that_implies_more_instances_than_there_are_counts_as_theirs():
    expected = binomtest(10, 20).proportion_ci(0.95, method="exact")
    assert Share(0.5, 1e-3, 20).interval(0.95) == pytest.approx((expected.low, expected.high), abs=1e-9)
