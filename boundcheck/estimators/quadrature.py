"""The loss at finite k of every anchor, by quadrature over the Laplace transforms of its pool and of its positives.

With D the pool's transform and P the positives' at u k / Q (docs/theory.md, eq. (19)),

    L^(k)(a) = log 2 sum_g (1 - P(u_g k / Q)) (1 - (1 - D(u_g))^k),

nodes below u_0 by their geometric series; at Q = inf, E log mean e^t - t_ap by Frullani's integral for the logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from boundcheck.errors import InputError
from boundcheck.estimators.records import LossNotComputed, LossTable
from boundcheck.hardening import CONSTANT
from boundcheck.losses import UCL, LossKey
from boundcheck.pairwise.laplace.pools import STEP, PoolTransforms, PoolTransformsOf
from boundcheck.pairwise.laplace.positives import ClassInfluenceOf, ClassTransformOf, augmentation_transform
from boundcheck.pairwise.passes import Task, in_parallel
from boundcheck.pools import ALL, SAME

# What the nodes left out at the lower end may amount to, nats.
LEFT_OUT = 1e-8
# Logits of thousands need as many nodes for every anchor: beyond this memory and time are no longer those of a run.
MOST_NODES = 4096
LARGEST_LOGIT = MOST_NODES * STEP / 2 - 30
"""Up to this size of logits there is a grid for every k and Q that may be asked for: their logs take the 30."""


@dataclass(frozen=True)
class Grid:
    """Nodes u_g = 2^g u_0 of every anchor."""

    log_u: Tensor  # (a,) log u_0
    nodes: int


def largest_logit(limit: LossTable) -> float:
    """What no logit of the embeddings exceeds in size: the largest squared norm over tau."""
    return float(limit.emb.largest_norm**2 / limit.variant.temperature)


def grid_for(limit: LossTable, most: int, least_q: float, least_ratio: float) -> Grid:
    """Nodes from where the integrand is linear in u to where e^{-e^x} vanishes, x = log u + log(k / Q) + t_ap.

    Below u_0 the sum is a geometric series up to (k u E e^t) max(k u E e^t, e^x, u e^t'), t' the largest logit of the
    pool: what bends (1 - D)^k, what bends 1 - P, what bends D. The last matters where k is small and the largest logit
    stands far above the mean of many.

    Args:
        limit: the limit's table, for rho.
        most: the largest k.
        least_q: the least Q.
        least_ratio: the least k / Q.

    Raises:
        InputError: logits are so large that a grid over their range is.
    """
    variant, table = limit.variant, limit.table
    radius = largest_logit(limit)
    rho = torch.stack([table.rho(key.tilt.pool, key.hardening) for key in limit.keys], 1).nan_to_num(-radius).amax(1)
    # Class positives of one view are the pool's; other views of the anchor's instance may lie anywhere.
    of_pool = variant.positives == "class" and limit.emb.v == 1
    highest = table.largest_logit(SAME) if of_pool else torch.full_like(rho, radius)
    hardest = table.largest_logit(ALL) - math.log(most)
    steep = rho + torch.stack([rho, highest - math.log(least_q), hardest]).amax(0)
    log_u = 0.5 * math.log(LEFT_OUT) - math.log(most) - 0.5 * steep
    last = 3.0 - math.log(least_ratio) + radius  # e^{-e^3} = 2e-9, at the least t_ap
    nodes = max(1, math.ceil(float((last - log_u).max()) / STEP) + 1)
    if nodes > MOST_NODES:
        raise InputError(
            f"negatives: losses at finite k need logits of at most some {LARGEST_LOGIT:.0f} in size, received "
            f"{radius:.3g} (norms up to {limit.emb.largest_norm:.3g}, temperature {variant.temperature:g}); normalise "
            "the embeddings or raise the temperature"
        )
    return Grid(log_u, nodes)


@dataclass(frozen=True)
class Positives:
    """The positives' transforms, whatever the positives are."""

    limit: LossTable
    grid: Grid

    @property
    def count(self) -> Tensor:
        """(a,) class positives of each anchor."""
        emb, y = self.limit.emb, torch.from_numpy(self.limit.emb.y)
        size = torch.bincount(y)[y[self.limit.table.anchors // emb.v]] * emb.v
        return size - int(self.limit.variant.self_pairs == "exclude")

    def transform(self, ratio: float) -> Task[Tensor]:
        """(a, g) P(u_g k / Q) at ratio = k / Q."""
        log_u = self.grid.log_u + math.log(ratio)
        anchors, nodes = self.limit.table.anchors, self.grid.nodes
        if self.limit.variant.positives == "augmentation":
            z = torch.from_numpy(self.limit.emb.z)
            return augmentation_transform(z, anchors, self.limit.variant.temperature, log_u, nodes)
        of_class: Tensor = yield ClassTransformOf(rows=anchors, count=self.count, log_u=log_u, nodes=nodes)
        return of_class

    def influence(self, ratio: float, transform: Tensor, slope: Tensor) -> Task[Tensor]:
        """(n, f) see `ClassInfluenceOf`; zero for augmentations, which are the anchor's own."""
        if self.limit.variant.positives == "augmentation":
            return torch.zeros(self.limit.emb.n, slope.shape[1], dtype=torch.float64)
        influence: Tensor = yield ClassInfluenceOf(
            rows=self.limit.table.anchors,
            count=self.count,
            log_u=self.grid.log_u + math.log(ratio),
            nodes=self.grid.nodes,
            transform=transform,
            slope=slope,
        )
        return influence


def hit_share(deficit: Tensor, k: int) -> Tensor:
    """1 - (1 - D)^k without loss for small D."""
    return -torch.expm1(k * torch.log1p(-deficit.clamp_max(1 - 1e-15)))


def losses_at(limit: LossTable, key: LossKey, deficit: Tensor, positive: Tensor | None, k: int, grid: Grid) -> Tensor:
    """(a,) one loss at one k; NaN where the limit is undefined."""
    hit = hit_share(deficit, k)
    if positive is None:
        rho = limit.table.rho(key.tilt.pool, key.hardening)
        steps = STEP * torch.arange(grid.nodes, dtype=torch.float64)
        log_v = rho[:, None] + math.log(k) + grid.log_u[:, None] + steps
        return limit.per_anchor(key) + STEP * (hit + torch.expm1(-log_v.exp())).sum(1)
    value = STEP * (((1 - positive) * hit).sum(1) + k * deficit[:, 0])
    return torch.where(torch.isnan(limit.per_anchor(key)), torch.nan, value)


def slope_at(deficit: Tensor, positive: Tensor | None, k: int) -> Tensor:
    """(a, g) derivative of the loss at k with respect to D(u_g); the first node stands for those below as well."""
    survive = torch.exp((k - 1) * torch.log1p(-deficit.clamp_max(1 - 1e-15)))
    slope = STEP * k * survive * (1.0 if positive is None else 1 - positive)
    slope[:, 0] += STEP * k
    return slope


def summed_losses(limit: LossTable, ks: Sequence[int]) -> Task[Tensor]:
    """E log(1 + sum_{i <= k} e^{t_ai - t_ap}) with untilted negatives from the pool `all`: Q = k, as in Bao 2022.

    Args:
        limit: any table of the variant; its anchors and log-sums are used.
        ks: numbers of negatives, each at least 1.

    Returns:
        (a, k) per-anchor losses over the data's own pools, nats.

    Raises:
        LossNotComputed: the table has no UCL.
    """
    key = next((key for key in limit.keys if key.loss == UCL), None)
    if key is None:
        raise LossNotComputed(UCL)
    grid = grid_for(limit, max(ks), least_q=float(min(ks)), least_ratio=1.0)
    transforms, positive = yield from in_parallel(_pool_transforms(limit, grid), Positives(limit, grid).transform(1.0))
    return torch.stack([losses_at(limit, key, transforms.of(key.tilt), positive, k, grid) for k in ks], 1)


def _pool_transforms(limit: LossTable, grid: Grid) -> Task[PoolTransforms]:
    """Untilted."""
    found: PoolTransforms = yield PoolTransformsOf(
        table=limit.table, hardenings=(CONSTANT,), log_u=grid.log_u, nodes=grid.nodes
    )
    return found
