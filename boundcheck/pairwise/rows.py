"""Values of anchors in the order in which a pass meets them: as many rows as there are anchors, sampled or all."""

from __future__ import annotations

import torch
from torch import Tensor

from boundcheck.pairwise.plan import PairPlan


def to_rows(plan: PairPlan, anchors: Tensor, values: Tensor) -> Tensor:
    """The rows that `Chunk.at` cuts, on the plan's device.

    Args:
        plan: the pairs.
        anchors: (a,) original anchor indices, at least those of the plan, in any order.
        values: (a, ...) one for each of them.
    """
    return values[_position(plan, anchors)].to(plan.device)


def from_rows(plan: PairPlan, anchors: Tensor, rows: Tensor) -> Tensor:
    """(..., a) what a pass wrote into rows, in the order of `anchors`; zeros for those that the plan does not hold."""
    out = rows.new_zeros(*rows.shape[:-1], len(anchors), device="cpu")
    out[..., _position(plan, anchors)] = rows.cpu()
    return out


def _position(plan: PairPlan, anchors: Tensor) -> Tensor:
    """(rows,) the position among `anchors` of every row."""
    ascending, order = anchors.sort()
    return order[torch.searchsorted(ascending, plan.anchor_index)]
