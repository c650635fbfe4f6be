"""Losses at finite k from n x n matrices in float64, differentiable in z: the quadrature with its transforms whole."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from boundcheck.estimators.dense import Logits, logits_of
from boundcheck.estimators.quadrature import Grid, grid_for, losses_at
from boundcheck.estimators.records import LossTable
from boundcheck.hardening import CONSTANT, Hardening, denominator
from boundcheck.losses import UCL
from boundcheck.pairwise.laplace.pools import STEP, PoolTransforms


def dense_finite_losses(limit: LossTable, z: Tensor, ks: Sequence[int]) -> Mapping[int, LossTable]:
    """k -> the losses at k negatives, see `finite_losses`; per-anchor losses carry the gradient.

    Args:
        limit: the dense estimator's table.
        z: (n, v, d) float64, what it was made from.
        ks: numbers of negatives, each at least 1.
    """
    q = [1.0 if math.isinf(q) else q for q in limit.variant.q]
    grid = _grid(limit, max(ks), min(q), min(ks) / max(q))
    pairs = logits_of(limit.emb, limit.variant, z, limit.table.anchors)
    transforms = _pool_transforms(limit, pairs, limit.variant.hardenings, grid)
    at = {(q, k): _positive_transform(pairs, grid, k / q) for q in limit.variant.q if not math.isinf(q) for k in ks}
    tables = {}
    for k in ks:
        columns = [losses_at(limit, key, transforms.of(key.tilt), at.get((key.q, k)), k, grid) for key in limit.keys]
        tables[k] = replace(limit, k=k, losses=replace(limit.losses, value=torch.stack(columns, 1)))
    return tables


def dense_summed_losses(limit: LossTable, z: Tensor, ks: Sequence[int]) -> Tensor:
    """(a, k) losses of a sum over k negatives, see `summed_losses`; arguments as in `dense_finite_losses`."""
    key = next(key for key in limit.keys if key.loss == UCL)
    grid = _grid(limit, max(ks), float(min(ks)), 1.0)
    pairs = logits_of(limit.emb, limit.variant, z, limit.table.anchors)
    deficit = _pool_transforms(limit, pairs, (CONSTANT,), grid).of(key.tilt)
    positive = _positive_transform(pairs, grid, 1.0)
    return torch.stack([losses_at(limit, key, deficit, positive, k, grid) for k in ks], 1)


@torch.no_grad()
def _grid(limit: LossTable, most: int, least_q: float, least_ratio: float) -> Grid:
    return grid_for(limit, most, least_q, least_ratio)


def _pool_transforms(limit: LossTable, pairs: Logits, hardenings: Sequence[Hardening], grid: Grid) -> PoolTransforms:
    """All of D(u_g), (a, parts, h, g)."""
    y = _hits(pairs.t, grid, 1.0)
    parts = []
    for part in pairs.parts:
        laws = []
        for h in hardenings:
            log_p = denominator(h).log(pairs.t, limit.variant.temperature) + pairs.weight.log()
            log_p = torch.where(part, log_p, -torch.inf)
            empty = (log_p.detach().amax(1) == -torch.inf)[:, None]
            p = torch.softmax(torch.where(empty, 0.0, log_p), 1)
            laws.append(torch.where(empty, torch.nan, torch.einsum("ab,abg->ag", p, y)))
        parts.append(torch.stack(laws, 1))
    return PoolTransforms(limit.table, tuple(hardenings), torch.stack(parts, 1))


def _positive_transform(pairs: Logits, grid: Grid, ratio: float) -> Tensor:
    """P(u_g k / Q), (a, g)."""
    positive = pairs.positive.to(torch.float64)
    share = positive / positive.sum(1, keepdim=True).clamp_min(1)
    return torch.einsum("ab,abg->ag", share, _hits(pairs.t, grid, ratio))


def _hits(t: Tensor, grid: Grid, ratio: float) -> Tensor:
    """1 - e^{-ratio u_g e^t}, (a, b, g)."""
    log_u = grid.log_u[:, None] + math.log(ratio) + STEP * torch.arange(grid.nodes, dtype=torch.float64)
    return -torch.expm1(-(t[:, :, None] + log_u[:, None]).exp())
