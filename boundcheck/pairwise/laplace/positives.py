"""The Laplace transform of e^t over the positives of an anchor: P(u) = mean over positives p of 1 - e^{-u e^{t_ap}}.

Positives as in `pairwise/positives.py`; nodes as in `pools.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from boundcheck.pairwise.chunks import Chunk
from boundcheck.pairwise.laplace.pools import STEP, doublings
from boundcheck.pairwise.passes import Kernel, Request
from boundcheck.pairwise.plan import PairPlan, by_instance
from boundcheck.pairwise.positives import other_views
from boundcheck.pairwise.rows import from_rows, to_rows
from boundcheck.pairwise.tiles import Tile


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


@dataclass(frozen=True, eq=False, kw_only=True)
class _OfPositives(Request[Tensor]):
    """What both requests below know of class positives: every other view with the anchor's label.

    Attributes:
        rows: (a,) original anchor indices; with self_pairs="include" the anchor is a positive of its own.
        count: (a,) positives of each.
        log_u: (a,) log u of the first node.
        nodes: how many.
        anchors: see `Request`.
    """

    same_only = True

    rows: Tensor
    count: Tensor
    log_u: Tensor
    nodes: int
    anchors: Tensor | None = None

    def dtype(self, plan: PairPlan) -> torch.dtype:
        """Of e^t."""
        return plan.dtype(1.0)


class ClassTransformOf(_OfPositives):
    """Asks for the transform, (a, g)."""

    def kernel(self, plan: PairPlan) -> Kernel:
        """Sums over positives of y_g."""
        return _PositiveSums(plan, self)

    def result(self, plan: PairPlan, kernels: Sequence[Any]) -> Tensor:
        """Means over positives; NaN without any."""
        sums = from_rows(plan, self.rows, torch.stack([kernel.out for kernel in kernels]).sum(0))
        return sums.T / torch.where(self.count > 0, self.count, torch.nan)[:, None]


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassInfluenceOf(_OfPositives):
    """Asks for (n, f) influences of every instance, as a positive of others, on sums over anchors of functions of P.

    Attributes:
        transform: (a, g) P.
        slope: (a, f, g) derivative of the anchor's summand with respect to P(u_g).
    """

    transform: Tensor
    slope: Tensor

    def kernel(self, plan: PairPlan) -> Kernel:
        """Column sums over the positives that are views of other instances."""
        per_positive = self.slope / self.count.clamp_min(1)[:, None, None]
        centre = (per_positive * self.transform.nan_to_num(0.0)[:, None]).sum(2)
        slopes, centres = (to_rows(plan, self.rows, values).to(self.dtype(plan)) for values in (per_positive, centre))
        return _PositiveColumns(plan, self, slopes, centres)

    def result(self, plan: PairPlan, kernels: Sequence[Any]) -> Tensor:
        """In original order."""
        return by_instance(plan, [kernel.columns for kernel in kernels])


class _PositiveSums(Kernel):
    """Sums over positives of y_g, (g, rows)."""

    def __init__(self, plan: PairPlan, asked: _OfPositives) -> None:
        self.plan, self.dtype, self.nodes = plan, asked.dtype(plan), asked.nodes
        self.start = to_rows(plan, asked.rows, asked.log_u).to(self.dtype)
        self.out = torch.zeros(asked.nodes, plan.n_anchors, dtype=torch.float64, device=plan.device)

    def add(self, anchors: Chunk, tile: Tile) -> None:
        """Add a tile."""
        positive = _positive(self.plan, anchors, tile).to(self.dtype)
        sums = self.out[:, anchors.at]
        for g, y in enumerate(doublings(tile.logits(self.dtype), self.start[anchors.at], self.nodes)):
            sums[g] += (positive * y).sum(1)


class _PositiveColumns(Kernel):
    """Column sums over the positives that are views of other instances."""

    def __init__(self, plan: PairPlan, asked: _OfPositives, slope: Tensor, centre: Tensor) -> None:
        self.plan, self.dtype, self.slope, self.centre = plan, asked.dtype(plan), slope, centre
        self.start = to_rows(plan, asked.rows, asked.log_u).to(self.dtype)
        self.columns = torch.zeros(slope.shape[1], len(plan.order), dtype=torch.float64, device=plan.device)

    def add(self, anchors: Chunk, tile: Tile) -> None:
        """Add a tile."""
        rows, b = anchors.at, tile.candidates
        slope, centre = self.slope[rows], self.centre[rows]
        positive = _positive(self.plan, anchors, tile) & (anchors.instance[:, None] != b.instance)
        weight = positive.to(self.dtype)
        total = -(centre.T @ weight)
        for g, y in enumerate(doublings(tile.logits(self.dtype), self.start[rows], slope.shape[2])):
            total += slope[:, :, g].T @ (weight * y)
        self.columns[:, b.start : b.stop] += total.view(len(total), self.plan.v, -1).sum(1).to(torch.float64)


def _positive(plan: PairPlan, anchors: Chunk, tile: Tile) -> Tensor:
    """(a, b) which candidates have the anchor's label and are not the anchor, unless self pairs are included."""
    positive = anchors.y[:, None] == tile.candidates.y
    if plan.self_pairs == "exclude":
        positive &= anchors.anchor[:, None] != tile.candidates.anchor
    return positive
