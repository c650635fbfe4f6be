"""What labels at random leave of a gap: its correction from the definition of the jackknife."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import boundcheck as bc
from boundcheck.estimators.permutation import _corrected
from boundcheck.hardening import Exponential


def test_where_every_instance_is_heavy_the_correction_is_that_of_leaving_each_out() -> None:
    """Without instance b rho moves by delta_b = log(1 - y_b / sum y) - log(1 - x_b / sum x)."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.5, 2.0, (2, 3, 6))
    slope, curvature = np.array([0.3, 0.5, 0.9]), np.array([0.2, 0.1, 0.05])
    inside = rng.random((3, 6)) < 0.7
    pool = np.where(inside, x, 0.0), np.where(inside, y, 0.0)
    products = (pool[0], pool[1], pool[0] ** 2, pool[0] * pool[1], pool[1] ** 2)
    row, column = torch.ones(3, 6).nonzero().unbind(1)
    rho, correction = _corrected(
        torch.tensor(np.stack([part.sum(1) for part in products]))[:, None], torch.tensor(x), torch.tensor(y),
        row, column, torch.tensor(inside)[row, column][None], torch.tensor(slope)[None], torch.tensor(curvature)[None],
    )  # fmt: skip
    x_share, y_share = (part / part.sum(1, keepdims=True) for part in pool)
    delta = np.log1p(-y_share) - np.log1p(-x_share)
    np.testing.assert_allclose(rho[0], np.log(pool[0].sum(1) / pool[1].sum(1)))
    np.testing.assert_allclose(correction[0], slope * delta.sum(1) - curvature / 2 * np.square(delta).sum(1))


def test_every_q_has_a_null_of_its_own() -> None:
    """At a small Q losses hardly move, at Q = inf the gap is that of rho: each as if it were the only one."""
    rng = np.random.default_rng(0)
    emb = bc.EmbeddingSet(rng.standard_normal((60, 1, 4)), np.arange(60) % 3)
    found = bc.verify(emb, betas=[3.0], temperature=0.2, q=[1e-4, math.inf], claims="hscl_le_hucl").losses
    for q in (1e-4, math.inf):
        alone = bc.verify(emb, betas=[3.0], temperature=0.2, q=[q], claims="hscl_le_hucl").losses
        for at, null in alone.null.items():
            assert (found.null[at].mean, found.null[at].se) == pytest.approx((null.mean, null.se))
    small, whole = (found.null[Exponential(3.0), q] for q in (1e-4, math.inf))
    assert 0 < small.se < 0.1 * whole.se
