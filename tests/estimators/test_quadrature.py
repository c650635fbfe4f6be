"""The quadrature's grid ends where it says, and its slope is a derivative."""

from __future__ import annotations

import math

import pytest
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.dense import dense
from boundcheck.estimators.quadrature import STEP, grid_for, hit_share, slope_at
from boundcheck.spec import Variant
from tests.strategies import clouds


@pytest.mark.parametrize("temperature", [0.05, 0.3, 0.5, 1.0])
def test_the_last_node_of_every_grid_is_where_the_integrand_has_vanished(temperature: float) -> None:
    """x = log u + log(k / Q) + t_ap is 3 or more there, at the least t_ap: e^(-e^3) = 2e-9."""
    emb = EmbeddingSet(*clouds("clustered", n=14, v=2, d=4, seed=3))
    limit = dense(emb, Variant(temperature, betas=[2.0]).on(emb), z=torch.from_numpy(emb.z))[0]
    for ratio in (0.01, 1.0):
        grid = grid_for(limit, 100, 1.0, ratio)
        last = grid.log_u + (grid.nodes - 1) * STEP + math.log(ratio) - 1 / temperature
        assert 3.0 <= float(last.min()) < 3.0 + STEP


@pytest.mark.parametrize("k", [1, 2, 7, 500])
@pytest.mark.parametrize("decoupled", [True, False])
def test_the_slope_is_the_derivative_of_the_sum_over_nodes(k: int, decoupled: bool) -> None:
    rng = torch.Generator().manual_seed(0)
    deficit = torch.rand((3, 5), generator=rng, dtype=torch.float64).requires_grad_()
    positive = None if decoupled else torch.rand((3, 5), generator=rng, dtype=torch.float64)
    weight = 1.0 if positive is None else 1 - positive
    total = STEP * ((weight * hit_share(deficit, k)).sum() + k * deficit[:, 0].sum())
    (expected,) = torch.autograd.grad(total, deficit)
    torch.testing.assert_close(slope_at(deficit.detach(), positive, k), expected, rtol=1e-12, atol=1e-12)


def test_a_node_that_every_draw_reaches_has_a_slope() -> None:
    """At D = 1 one draw more or less changes nothing but for k = 1, where the loss is linear in D."""
    whole, half = torch.ones(1, 2, dtype=torch.float64), torch.full((1, 2), 0.5, dtype=torch.float64)
    torch.testing.assert_close(slope_at(whole, half, 1), STEP * torch.tensor([[1.5, 0.5]], dtype=torch.float64))
    torch.testing.assert_close(slope_at(whole, half, 9), STEP * torch.tensor([[9.0, 0.0]], dtype=torch.float64))
