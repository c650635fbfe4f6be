"""What labels at random leave of a gap: its correction from the definition of the jackknife."""

from __future__ import annotations

import numpy as np
import torch

from boundcheck.estimators.permutation import _corrected


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
        torch.tensor(np.stack([part.sum(1) for part in products])), torch.tensor(x), torch.tensor(y),
        row, column, torch.tensor(inside)[row, column], torch.tensor(slope), torch.tensor(curvature),
    )  # fmt: skip
    x_share, y_share = (part / part.sum(1, keepdims=True) for part in pool)
    delta = np.log1p(-y_share) - np.log1p(-x_share)
    np.testing.assert_allclose(rho, np.log(pool[0].sum(1) / pool[1].sum(1)))
    np.testing.assert_allclose(correction, slope * delta.sum(1) - curvature / 2 * np.square(delta).sum(1))
