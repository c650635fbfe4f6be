"""The gap between the two pools when labels mean nothing: what the estimator makes of a gap that is zero.

With the labels of the candidates permuted, the pool of other classes is a random part of the pool of all, so that the
population's gap is exactly zero whatever the encoder. The corrected gap of a permuted sample is zero on average unless
the correction fails, on near-duplicates or heavy tails. Positives keep their labels. Per anchor, to second order in the
shares of instances, the few heavy ones exactly, as leaving one out does. docs/theory.md, eq. (54) and eq. (89).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from boundcheck.estimators.anchor_losses import instance_weights
from boundcheck.estimators.records import LossTable
from boundcheck.estimators.reliability import Null
from boundcheck.hardening import Constant, Hardening
from boundcheck.inference.influence import loss_effect
from boundcheck.losses import LossKey
from boundcheck.pairwise.jackknife.heavy import HEAVIEST
from boundcheck.pairwise.ring.shards import ShardedEmbeddings
from boundcheck.pools import ALL, DIFF

PERMUTATIONS = 20
BUDGET = 10_000_000  # pairs times permutations
HEAVY = 0.01  # of the pool of all; in a part of it the share is larger


def with_permutations(losses: LossTable, seed: int) -> LossTable:
    """The table with the gap of permuted labels at every hardening; as it is where there is no step to a population.

    Args:
        losses: over all instances, with standard errors.
        seed: of the permutations, and of the anchors they are looked at.
    """
    emb = losses.emb
    none = losses.influence is None or losses.variant.self_pairs == "include" or losses.k is not None
    if none or isinstance(emb, ShardedEmbeddings) or 2 * PERMUTATIONS * emb.n * emb.v > BUDGET:
        return losses
    pairs = {h: found for h in losses.margins if (found := _pools_apart(losses, h))}
    return replace(losses, null=_nulls(losses, pairs, seed)) if pairs else losses


def _pools_apart(losses: LossTable, h: Hardening) -> dict[float, LossKey]:
    """The losses over all of a hardening, by Q, where there is one over other classes too."""
    hardened = not isinstance(h, Constant)

    def of(pool: object) -> dict[float, LossKey]:
        fits = (k for k in losses.keys if k.loss.pool == pool and k.hardening == h and k.loss.hardened == hardened)
        return {key.q: key for key in reversed(list(fits))}  # the first of each Q

    high, low = of(ALL), of(DIFF)
    return {q: key for q, key in high.items() if q in low}


def _nulls(
    losses: LossTable, pairs: Mapping[Hardening, Mapping[float, LossKey]], seed: int
) -> dict[tuple[Hardening, float], Null]:
    emb, table, tau = losses.emb, losses.table, losses.variant.temperature
    rng = np.random.default_rng([seed, 6])
    count = min(len(table.anchors), max(2, BUDGET // (PERMUTATIONS * emb.n * emb.v)))
    some = torch.from_numpy(np.sort(rng.permutation(len(table.anchors))[:count]))
    z = torch.from_numpy(np.asarray(emb.z)).to(torch.float64)
    own = table.anchors[some] // emb.v
    t = torch.einsum("ad,nvd->van", z.flatten(0, 1)[table.anchors[some]], z) / tau
    weight = instance_weights(torch.from_numpy(emb.y), losses.variant.class_prior)
    labels = torch.from_numpy(np.stack([emb.y[rng.permutation(emb.n)] for _ in range(PERMUTATIONS)], 1))
    same = (labels[own][:, None] == labels).to(torch.float64)  # (a, n, permutations)
    return {
        (h, q): null
        for h, by_q in pairs.items()
        for q, null in zip(by_q, _null(losses, h, list(by_q.values()), t, own, some, weight, same), strict=True)
    }


def _null(
    losses: LossTable,
    h: Hardening,
    keys: list[LossKey],
    t: Tensor,
    own: Tensor,
    some: Tensor,
    weight: Tensor,
    same: Tensor,
) -> list[Null]:
    """At one hardening, of each of the losses over all, over the anchors `some`, of instances `own`, with logits
    t (v, a, n) and, where `same` (a, n, permutations) is 1, the same permuted label."""
    x, y = _weights(h, t, own, weight, losses.variant.temperature)
    products = torch.stack([x, y, x * x, x * y, y * y], 1)  # (a, 5, n)
    row, column = (x > HEAVY * x.sum(1, keepdim=True)).nonzero().unbind(1)
    columns = [losses.keys.index(key) for key in keys]
    slope, curvature, anchor_weight = (
        values[some][:, columns].T.nan_to_num(0.0)[:, None]  # (q, 1, a)
        for values in (losses.losses.slope, losses.losses.curvature, losses.losses.weight)
    )
    whole = products.sum(2).T[:, None]  # (5, 1, a)
    diff = whole - (products @ same).permute(1, 2, 0)  # (5, permutations, a)
    every = torch.ones(1, len(row), dtype=torch.bool)
    rho_all, correction_all = _corrected(whole, x, y, row, column, every, slope, curvature)
    rho, correction = _corrected(diff, x, y, row, column, same[row, column].T == 0, slope, curvature)
    gap = loss_effect(slope, curvature, rho_all - rho) + correction_all - correction  # (q, permutations, a)
    used = anchor_weight * torch.isfinite(gap)
    gaps = ((used * gap.nan_to_num(0.0)).sum(2) / used.sum(2)).numpy()
    errors = gaps.std(1, ddof=1) / np.sqrt(PERMUTATIONS)
    return [Null(float(mean), float(se)) for mean, se in zip(gaps.mean(1), errors, strict=True)]


def _weights(h: Hardening, t: Tensor, own: Tensor, weight: Tensor, tau: float) -> tuple[Tensor, Tensor]:
    """(a, n) summands of the numerator and of the denominator of rho, up to a factor of the anchor; 0 for its own."""
    eta = h.log_eta(t, tau)
    eta[:, torch.arange(len(own)), own] = -torch.inf
    out = []
    for log in (eta + t, eta):
        top = log.amax((0, 2), keepdim=True)
        out.append((log - torch.where(top == -torch.inf, 0.0, top)).exp().sum(0) * weight)
    return out[0], out[1]


def _corrected(
    sums: Tensor, x: Tensor, y: Tensor, row: Tensor, column: Tensor, inside: Tensor, slope: Tensor, curvature: Tensor
) -> tuple[Tensor, Tensor]:
    """(p, a) rho of pools, up to a constant of the anchor, and the corrections (q, p, a) of the losses there.

    Args:
        sums: (5, p, a) of x, y, x^2, xy and y^2 over the pools.
        x, y: (a, n).
        row, column: the heavy ones.
        inside: (p, heavy) which of them the pools hold.
        slope, curvature: (q, 1, a) of the losses in rho.
    """
    n, d = sums[0], sums[1]
    xx, xy, yy = sums[2] / n**2, sums[3] / (n * d), sums[4] / d**2
    shift, spread = (xx - yy) / 2, xx - 2 * xy + yy
    a = (x[row, column] / n[:, row]).clamp_max(HEAVIEST)
    b = (y[row, column] / d[:, row]).clamp_max(HEAVIEST)
    delta = torch.log1p(-b) - torch.log1p(-a)
    shift = shift.index_add(1, row, torch.where(inside, delta - (a - b + (a * a - b * b) / 2), 0.0))
    spread = spread.index_add(1, row, torch.where(inside, delta**2 - (a - b) ** 2, 0.0))
    return n.log() - d.log(), slope * shift - curvature / 2 * spread
