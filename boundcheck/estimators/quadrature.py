"""The loss at finite k of every anchor, by quadrature over the Laplace transforms of its pool and of its positives.

With D the pool's transform and P the positives' at u k / Q (see `population.finite`),

    L^(k)(a) = log 2 sum_g (1 - P(u_g k / Q)) (1 - (1 - D(u_g))^k),

nodes below u_0 by their geometric series; at Q = inf, E log mean e^t - t_ap by Frullani's integral for the logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from boundcheck.estimators.exact import pair_plan
from boundcheck.estimators.records import LossTable
from boundcheck.hardening import CONSTANT
from boundcheck.losses import LossKey
from boundcheck.pairwise.laplace.pools import STEP, pool_transforms
from boundcheck.pairwise.laplace.positives import augmentation_transform, class_influence, class_transform
from boundcheck.pairwise.plan import PairPlan

# What the nodes left out at the lower end may amount to, nats.
LEFT_OUT = 1e-8


@dataclass(frozen=True)
class Grid:
    """Nodes u_g = 2^g u_0 of every anchor."""

    log_u: Tensor  # (a,) log u_0
    nodes: int


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
    """
    spec, table = limit.spec, limit.table
    radius = limit.emb.largest_norm**2 / spec.temperature
    rho = torch.stack([table.rho(key.tilt.pool, key.hardening) for key in limit.keys], 1).nan_to_num(-radius).amax(1)
    # Class positives of one view are the pool's; other views of the anchor's instance may lie anywhere.
    highest = (
        table.largest_logit("same") if spec.positives == "class" and limit.emb.v == 1 else torch.full_like(rho, radius)
    )
    hardest = table.largest_logit("all") - math.log(most)
    steep = rho + torch.stack([rho, highest - math.log(least_q), hardest]).amax(0)
    log_u = 0.5 * math.log(LEFT_OUT) - math.log(most) - 0.5 * steep
    last = 3.0 - math.log(least_ratio) + radius  # e^{-e^3} = 2e-9, at the least t_ap
    return Grid(log_u, max(1, math.ceil(float((last - log_u).max()) / STEP) + 1))


@dataclass(frozen=True)
class Positives:
    """The positives' transforms, whatever the positives are."""

    limit: LossTable
    plan: PairPlan
    grid: Grid

    @property
    def count(self) -> Tensor:
        """(a,) class positives of each anchor."""
        y = torch.from_numpy(self.limit.emb.y)
        size = torch.bincount(y)[y[self.limit.table.anchors // self.plan.v]] * self.plan.v
        return size - int(self.plan.self_pairs == "exclude")

    def transform(self, ratio: float) -> Tensor:
        """(a, g) P(u_g k / Q) at ratio = k / Q."""
        log_u = self.grid.log_u + math.log(ratio)
        anchors = self.limit.table.anchors
        if self.limit.spec.positives == "augmentation":
            z = torch.from_numpy(self.limit.emb.z)
            return augmentation_transform(z, anchors, self.plan.temperature, log_u, self.grid.nodes)
        return class_transform(self.plan, anchors, self.count, log_u, self.grid.nodes)

    def influence(self, ratio: float, transform: Tensor, slope: Tensor) -> Tensor:
        """(n, f) see `class_influence`; zero for augmentations, which are the anchor's own."""
        if self.limit.spec.positives == "augmentation":
            return torch.zeros(self.plan.n, slope.shape[1], dtype=torch.float64)
        log_u = self.grid.log_u + math.log(ratio)
        return class_influence(self.plan, self.limit.table.anchors, transform, self.count, slope, log_u)


def hit_share(deficit: Tensor, k: int) -> Tensor:
    """1 - (1 - D)^k without loss for small D."""
    return -torch.expm1(k * torch.log1p(-deficit.clamp_max(1 - 1e-15)))


def losses_at(limit: LossTable, key: LossKey, deficit: Tensor, positive: Tensor | None, k: int, grid: Grid) -> Tensor:
    """(a,) one loss at one k; NaN where the limit is undefined."""
    hit = hit_share(deficit, k)
    if positive is None:
        rho = limit.table.rho(key.tilt.pool, key.hardening)
        log_v = rho[:, None] + math.log(k) + grid.log_u[:, None] + STEP * torch.arange(grid.nodes)
        return limit.per_anchor(key) + STEP * (hit + torch.expm1(-log_v.exp())).sum(1)
    value = STEP * (((1 - positive) * hit).sum(1) + k * deficit[:, 0])
    return torch.where(torch.isnan(limit.per_anchor(key)), torch.nan, value)


def slope_at(deficit: Tensor, positive: Tensor | None, k: int) -> Tensor:
    """(a, g) derivative of the loss at k with respect to D(u_g); the first node stands for those below as well."""
    survive = torch.exp((k - 1) * torch.log1p(-deficit.clamp_max(1 - 1e-15)))
    slope = STEP * k * survive * (1.0 if positive is None else 1 - positive)
    slope[:, 0] += STEP * k
    return slope


def summed_losses(limit: LossTable, ks: Sequence[int], *, device: str = "auto", precision: str = "auto") -> Tensor:
    """E log(1 + sum_{i <= k} e^{t_ai - t_ap}) with untilted negatives from the pool `all`: Q = k, as in Bao 2022.

    Args:
        limit: any table of the variant; its anchors and log-sums are used.
        ks: numbers of negatives, each at least 1.
        device: where tiles are computed.
        precision: of the products.

    Returns:
        (a, k) per-anchor losses over the data's own pools, nats.
    """
    every = len(limit.table.anchors) == limit.emb.n * limit.emb.v
    plan = pair_plan(
        limit.emb, limit.spec, anchors=None if every else limit.table.anchors, device=device, precision=precision
    )
    key = next(key for key in limit.keys if key.loss == "ucl")
    grid = grid_for(limit, max(ks), least_q=float(min(ks)), least_ratio=1.0)
    transforms = pool_transforms(plan, limit.table, (CONSTANT,), grid.log_u, grid.nodes)
    positive = Positives(limit, plan, grid).transform(1.0)
    return torch.stack([losses_at(limit, key, transforms.of(key.tilt), positive, k, grid) for k in ks], 1)
