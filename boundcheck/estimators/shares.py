"""Assumption 1 over anchors: margins, and the share of them that are met."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from boundcheck.hardening import Hardening
from boundcheck.inference.intervals import Share
from boundcheck.pairwise.cumulants import TOLERANCE


@dataclass(frozen=True)
class MarginSummary:
    """Assumption 1 at one hardening (Jiang 2022; docs/theory.md, eq. (23)): margins m = rho_same - rho_diff.

    Attributes:
        hardening: eta.
        margin: (a,) nats, NaN where undefined (no same-class partner, or an empty tilt).
        share: share of defined anchors with m >= 0 up to rounding.
        ess: (a,) effective number of instances under eta e^t in the pool `diff`, eq. (58); None without intervals.
        influence: (n,) centred influences on the share; None without intervals.
        in_parts: the share in halves or quarters of the instances, averaged: at so many times fewer candidates; NaN
            where parts were not looked at, or one has no share.
        dropped: the share without near-duplicates; NaN where too few instances are left, None where there are none.
    """

    hardening: Hardening
    margin: Tensor
    share: Share
    ess: Tensor | None
    influence: Tensor | None = None
    in_parts: float = math.nan
    dropped: float | None = None

    @property
    def median_ess(self) -> float:
        """Over the anchors at which the tilted pool is not empty; NaN without intervals."""
        finite = self.ess[torch.isfinite(self.ess)] if self.ess is not None else torch.empty(0)
        return float(finite.median()) if len(finite) else math.nan


def share_of(
    margin: Tensor,
    weight: Tensor,
    anchors: Tensor,
    v: int,
    exhaustive: bool,
    tolerance: float = TOLERANCE,
    clusters: Tensor | None = None,
) -> Share:
    """Weighted share of defined anchors with margin >= 0 up to rounding; the standard error clusters views.

    Where `clusters` (n,) says which instances are one draw, it clusters those.
    """
    defined = ~torch.isnan(margin)
    w = torch.where(defined, weight, 0.0)
    if not defined.any():
        return Share(float("nan"), float("nan"), 0)
    met = (margin >= -tolerance).to(w.dtype)
    value = float((w * met).sum() / w.sum())
    draw = anchors // v if clusters is None else clusters[anchors // v]
    n = len(torch.unique(draw[defined]))
    score = w.new_zeros(int(draw.max()) + 1).index_add_(0, draw, w * (met - value))
    se = 0.0 if exhaustive else float(score.square().sum().sqrt() / w.sum())
    return Share(value, se, n, exhaustive)
