"""Bias and coverage on fresh samples from a population whose losses are known: the promises of the intervals."""

import pandas as pd
import pytest

from boundcheck.inference.intervals import HEAVY_INFLUENCE
from tests.studies.coverage import study
from tests.studies.heavy_tails import heavy_tails

SAMPLES = 400


def row(table: pd.DataFrame, quantity: str, beta: float) -> pd.Series:
    return table[(table.quantity == quantity) & (table.beta == beta)].iloc[0]


@pytest.mark.slow
def test_small_samples_are_corrected_and_covered():
    table = study(400, SAMPLES)
    assert len(table) == 9
    assert (table.samples == SAMPLES).all()
    assert table.coverage.min() >= 0.88, table
    for quantity in ("hucl", "hscl"):
        worst = row(table, quantity, 5.0)
        assert abs(worst.bias) <= abs(worst.plugin_bias) / 3, worst


@pytest.mark.slow
def test_larger_samples_are_covered_as_promised():
    table = study(2000, SAMPLES)
    assert len(table) == 9
    for _, found in table.iterrows():
        low = 0.91 if found.beta == 5 else 0.92
        assert low <= found.coverage <= 0.98, found


def test_a_variance_that_rests_on_one_draw_goes_with_intervals_that_cover_less():
    table = heavy_tails(500, sizes=(400, 2000))
    heavy = table.median_top_share > HEAVY_INFLUENCE
    assert heavy.any() and (~heavy).any()
    assert table[heavy].coverage.max() < 0.95 and table[table.median_top_share < 0.1].coverage.min() > 0.92, table
