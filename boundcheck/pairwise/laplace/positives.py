"""The Laplace transform of e^t over the positives of an anchor: P(u) = mean over positives p of 1 - e^{-u e^{t_ap}}.

Positives as in `positives.py`; nodes as in `laplace.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from boundcheck.pairwise.laplace.pools import STEP, doublings
from boundcheck.pairwise.plan import Chunk, PairPlan, by_instance
from boundcheck.pairwise.positives import other_views
from boundcheck.pairwise.ring.sharing import shared
from boundcheck.pairwise.rows import from_rows, to_rows
from boundcheck.pairwise.tiles import Tile, run_pass


def augmentation_transform(z: Tensor, anchors: Tensor, temperature: float, log_u: Tensor, nodes: int) -> Tensor:
    """(a, g) over the other views of each anchor's instance.

    Args:
        z: (n, v, d) embeddings, v >= 2.
        anchors: (a,) original anchor indices.
        temperature: tau.
        log_u: (a,) log u of the first node.
        nodes: how many, each u twice the last.
    """
    log_v = (
        other_views(z, anchors, temperature)[:, :, None]
        + log_u[:, None, None]
        + STEP * torch.arange(nodes, dtype=torch.float64)
    )
    return -torch.expm1(-log_v.exp()).mean(1)


@shared()
def class_transform(plan: PairPlan, anchors: Tensor, count: Tensor, log_u: Tensor, nodes: int) -> Tensor:
    """(a, g) over every other view with the anchor's label; one pass over the same-class tiles.

    Args:
        plan: the pairs; with self_pairs="include" the anchor is a positive of its own.
        anchors: (a,) original anchor indices.
        count: (a,) positives of each anchor.
        log_u: (a,) log u of the first node.
        nodes: how many.
    """
    out = torch.zeros(nodes, plan.n_anchors, dtype=torch.float64, device=plan.device)
    start = to_rows(plan, anchors, log_u)

    run_pass(plan, lambda: _PositiveSums(plan, start, out), same_only=True)
    return from_rows(plan, anchors, out).T / torch.where(count > 0, count, torch.nan)[:, None]


@shared()
def class_influence(
    plan: PairPlan, anchors: Tensor, transform: Tensor, count: Tensor, slope: Tensor, log_u: Tensor
) -> Tensor:
    """(n, f) influence of every instance, as a positive of others, on sums over anchors of functions of P.

    Args:
        plan: the pairs.
        anchors: (a,) original anchor indices.
        transform: (a, g) P.
        count: (a,) positives of each anchor.
        slope: (a, f, g) derivative of the anchor's summand with respect to P(u_g).
        log_u: (a,) log u of the first node.
    """
    per_positive = slope / count.clamp_min(1)[:, None, None]
    centre = (per_positive * transform.nan_to_num(0.0)[:, None]).sum(2)
    start, slopes, centres = (to_rows(plan, anchors, values) for values in (log_u, per_positive, centre))
    kernels = run_pass(plan, lambda: _PositiveColumns(plan, start, slopes, centres), same_only=True)
    return by_instance(plan, [kernel.columns for kernel in kernels])


@dataclass(frozen=True)
class _PositiveSums:
    """Sums over positives of y_g."""

    plan: PairPlan
    start: Tensor
    out: Tensor  # (g, a)

    def __call__(self, anchors: Chunk, tiles: Iterator[Tile]) -> None:
        sums = self.out.new_zeros(len(self.out), len(anchors))
        for tile in tiles:
            positive = _positive(self.plan, anchors, tile).to(self.plan.dtype)
            for g, y in enumerate(doublings(tile.t, self.start[anchors.at], len(sums))):
                sums[g] += (positive * y).sum(1)
        self.out[:, anchors.at] = sums


class _PositiveColumns:
    """Column sums over the positives that are views of other instances."""

    def __init__(self, plan: PairPlan, start: Tensor, slope: Tensor, centre: Tensor) -> None:
        self.plan, self.start, self.slope, self.centre = plan, start, slope, centre
        self.columns = torch.zeros(slope.shape[1], len(plan.order), dtype=torch.float64, device=plan.device)

    def __call__(self, anchors: Chunk, tiles: Iterator[Tile]) -> None:
        rows = anchors.at
        slope, centre = self.slope[rows], self.centre[rows]
        for tile in tiles:
            b = tile.candidates
            positive = _positive(self.plan, anchors, tile) & (anchors.instance[:, None] != b.instance)
            weight = positive.to(self.plan.dtype)
            total = -(centre.T @ weight)
            for g, y in enumerate(doublings(tile.t, self.start[rows], slope.shape[2])):
                total += slope[:, :, g].T @ (weight * y)
            self.columns[:, b.start : b.stop] += total.view(len(total), self.plan.v, -1).sum(1).to(torch.float64)


def _positive(plan: PairPlan, anchors: Chunk, tile: Tile) -> Tensor:
    """(a, b) which candidates have the anchor's label and are not the anchor, unless self pairs are included."""
    positive = anchors.y[:, None] == tile.candidates.y
    if plan.self_pairs == "exclude":
        positive &= anchors.anchor[:, None] != tile.candidates.anchor
    return positive
