"""Values of anchors in the order in which a visit meets them: as many rows as there are anchors, sampled or all."""

from __future__ import annotations

import torch
from torch import Tensor

from boundcheck.population.plan import PairPlan


def to_rows(plan: PairPlan, anchors: Tensor, values: Tensor) -> Tensor:
    """(a, ...) values of anchors as the rows that `Chunk.at` cuts, on the plan's device and in its precision.

    Args:
        plan: the pairs.
        anchors: (a,) original anchor indices, those of the plan in any order.
        values: (a, ...) one for each anchor.
    """
    return values[_order(plan, anchors)].to(plan.device, plan.dtype)


def from_rows(plan: PairPlan, anchors: Tensor, rows: Tensor) -> Tensor:
    """(..., a) what a visit wrote into rows, in the order of `anchors`."""
    return rows.cpu()[..., torch.argsort(_order(plan, anchors))]


def _order(plan: PairPlan, anchors: Tensor) -> Tensor:
    """(a,) the position among `anchors` of every row."""
    visited = torch.cat([chunk.anchor for chunk in plan.anchors]).cpu()
    return torch.argsort(anchors)[torch.argsort(torch.argsort(visited))]
