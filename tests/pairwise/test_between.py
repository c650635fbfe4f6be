"""Interpolated tilts against tables that hold them."""

import pytest
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.hardening import CONSTANT, Exponential, Threshold, terms_for
from boundcheck.pairwise.between import rho_between
from boundcheck.pairwise.cumulants import CumulantTable, LogSumsOf
from boundcheck.pairwise.passes import ask
from boundcheck.pools import DIFF, SAME
from boundcheck.spec import Variant
from tests.oracles.bridge import plan_of
from tests.strategies import clouds

BETAS = (0.5, 1.0, 2.0, 5.0, 10.0)


def table_of(*betas: float) -> CumulantTable:
    emb = EmbeddingSet(*clouds("clustered", n=100, v=2, d=8, seed=3))
    hardenings = [CONSTANT, Threshold(0.2), *(Exponential(b) for b in betas)]
    return ask(plan_of(emb, Variant(0.5, hardening=())), LogSumsOf(terms_for(hardenings)))


@pytest.mark.parametrize("pool", [SAME, DIFF], ids=lambda pool: pool.id)
def test_at_the_tilts_of_the_table_it_is_theirs(pool):
    table = table_of(*BETAS)
    torch.testing.assert_close(rho_between(table, pool, 0.0), table.rho(pool, CONSTANT), atol=1e-12, rtol=0)
    for beta in BETAS:
        torch.testing.assert_close(
            rho_between(table, pool, beta), table.rho(pool, Exponential(beta)), atol=1e-12, rtol=0
        )


@pytest.mark.parametrize(("beta", "near"), [(0.25, 1e-3), (0.75, 1e-4), (1.5, 5e-3), (3.0, 5e-3), (8.0, 5e-3)])
@pytest.mark.parametrize("pool", [SAME, DIFF], ids=lambda pool: pool.id)
def test_between_them_it_is_near(pool, beta, near):
    exact = table_of(beta).rho(pool, Exponential(beta))
    for betas in (BETAS, (*BETAS, 30.0, 100.0)):
        torch.testing.assert_close(rho_between(table_of(*betas), pool, beta), exact, atol=near, rtol=0)
