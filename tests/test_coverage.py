"""Bias and coverage on fresh samples from a population whose losses are known: the promises of the intervals."""

import numpy as np
import pandas as pd
import pytest

from boundcheck.estimators import exact, parse_population
from boundcheck.estimators.closed import closed
from boundcheck.estimators.convergence import with_parts
from boundcheck.hardening import Exponential
from boundcheck.pairwise.plan import Tally
from boundcheck.spec import Execution, Variant
from tests.studies.coverage import BETAS, study, summary
from tests.studies.heavy_tails import heavy_tails
from tests.studies.intervals.__main__ import cell, summarise

REPLICATES, FEWER = 400, 250
CPU = Execution(device="cpu")


def row(table: pd.DataFrame, quantity: str, beta: float) -> pd.Series:
    return table[(table.quantity == quantity) & (table.beta == beta)].iloc[0]


@pytest.mark.study
def test_small_samples_are_corrected_and_covered():
    table = study("moderate", 400, REPLICATES, processes=2)
    assert len(table) == 4 * 4 + 3
    assert (table.replicates == REPLICATES).all()
    soft = table[table.beta < 10]
    assert soft.coverage.min() >= 0.88, soft
    for quantity in ("hucl", "hscl"):
        worst = row(table, quantity, 5.0)
        assert abs(worst.bias) <= abs(worst.plugin_bias) / 3, worst
    # The theorem's gap lies far above zero here, and its interval is held against zero.
    assert (table[table.quantity == "hucl-hscl"].violated.dropna() == 0).all()
    assert table[table.quantity == "hucl-hscl"].violated.notna().sum() == len(BETAS)


@pytest.mark.study
def test_larger_samples_are_covered_as_promised():
    table = study("moderate", 1000, FEWER, processes=2)
    for _, found in table[(table.quantity != "share") & (table.beta < 10)].iterrows():
        low = 0.91 if found.beta == 5 else 0.92
        # The widest interval covers 97.9 % of 1,000 samples (results/validation/coverage.csv); 250 scatter by 1 %.
        assert low <= found.coverage <= 0.99, found
        # Where a margin is exactly zero, a twentieth of the verdicts err, half of them on either side.
        assert max(found.missed_low, found.missed_high) <= 0.06, found
    text = summary(table)
    assert "| moderate | 1,000 |" in text
    assert f"{FEWER} samples a cell" in text


@pytest.mark.study
def test_diagnostics_of_few_instances_are_covered_where_they_have_an_interval():
    """results/validation/intervals.csv has 200 samples of this cell; the plain jackknife covers 74 to 90 % of these."""
    table = summarise(cell("diagnostics", "digits", 50, 100)).set_index("quantity")
    shown = table[table.given > 0]
    assert shown.coverage.min() >= 0.85, shown
    assert shown.coverage[["cdnv", "nc2_norms", "nc5"]].min() >= 0.9, shown
    assert set(table.index[table.given == 0]) >= {"nc1", "nc3", "alpha_req", "directional_cdnv"}


@pytest.mark.slow
def test_shares_of_a_population_are_covered_where_those_of_the_pools_are_not():
    """docs/theory.md, eq. (103); results/validation has other populations. The share moves from .93 to .99 here."""
    population, variant = parse_population("vmf:classes=20,dim=32,kappa=15,n=300"), Variant(betas=(2.0,))
    truth = closed(population, variant).margins[Exponential(2.0)].share.value
    held = []
    for seed in range(40):
        losses = exact(population.sample(seed), variant, CPU)
        settled = with_parts(losses, CPU, Tally())
        ends = [table.margins[Exponential(2.0)].share.interval(0.95) for table in (losses, settled)]
        held.append([low <= truth <= high for low, high in ends])
        assert settled.assumption_frame().set_index("beta").reliable[2.0]
    plain, reaching = np.mean(held, axis=0)
    assert plain < 0.5 and reaching >= 0.9, (plain, reaching)


def test_a_variance_that_rests_on_one_draw_goes_with_intervals_that_cover_less():
    table = heavy_tails(500, sizes=(400, 2000))
    heavy, light = table[table.median_top_share > 0.2], table[table.median_top_share < 0.1]
    assert len(heavy) and len(light)
    assert heavy.coverage.max() < 0.95 and light.coverage.min() > 0.92, table
    # The fewer instances carry the variance, the more of what a normal interval lacks Student's makes up for.
    assert (table.coverage_t >= table.coverage).all(), table
    assert (heavy.coverage_t - heavy.coverage).mean() > 2 * (light.coverage_t - light.coverage).mean(), table
