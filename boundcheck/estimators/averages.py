"""The averages whose influences are wanted, as functionals of what leaving an instance out does to rho.

docs/theory.md, eq. (52), eq. (55) and eq. (59).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.anchor_losses import AnchorLosses, instance_weights, normalise_weights
from boundcheck.hardening import CONSTANT, Hardening
from boundcheck.inference.influence import (
    density_at_zero,
    instance_influence,
    kernel_width,
    loss_effect,
    share_effect,
)
from boundcheck.losses import HSCL, UCL, LossKey, Tilt
from boundcheck.pairwise.cumulants import CumulantTable
from boundcheck.pairwise.jackknife.functionals import Functional
from boundcheck.pools import ALL, DIFF, SAME
from boundcheck.spec import Variant


def functionals(emb: EmbeddingSet, variant: Variant, table: CumulantTable, losses: AnchorLosses) -> list[Functional]:
    """The averages whose influences are wanted: the losses, for each hardening the share of margins >= 0, and for each
    tilt that of anchors at which it lifts the mean of other classes to UCL's, rho_diff(eta) >= rho_all(1)."""
    out = [_loss_functional(key.tilt, losses, f, table.anchors) for f, key in enumerate(losses.keys)]
    for h in variant.hardenings:
        margin = table.margin(h)
        weight = _margin_weight(emb, variant, table.anchors, margin)
        for pool, sign in ((SAME, 1.0), (DIFF, -1.0)):
            out.append(_share_functional(Tilt(pool, h), margin, weight, sign, table.anchors))
    for h in reaching(losses.keys):
        reach = reach_of(table, h)
        weight = _margin_weight(emb, variant, table.anchors, reach)
        for tilt, sign in ((Tilt(DIFF, h), 1.0), (Tilt(ALL, CONSTANT), -1.0)):
            out.append(_share_functional(tilt, reach, weight, sign, table.anchors))
    return out


def reaching(keys: Sequence[LossKey]) -> list[Hardening]:
    """The tilts at which H-SCL is compared with UCL, in order."""
    both = {HSCL, UCL} <= {key.loss for key in keys}
    return list(dict.fromkeys(key.hardening for key in keys if key.loss == HSCL)) if both else []


def reach_of(table: CumulantTable, hardening: Hardening) -> Tensor:
    """(a,) rho_diff(eta) - rho_all(1), nats: from zero on H-SCL is at least UCL at the anchor."""
    return table.rho(DIFF, hardening) - table.rho(ALL, CONSTANT)


def share_influence(
    emb: EmbeddingSet, variant: Variant, anchors: Tensor, statistic: Tensor, others: Tensor, rounding: float
) -> Tensor:
    """(n,) centred influences on the share of anchors with a statistic (a,) >= 0, from those as candidates (n,)."""
    weight = _margin_weight(emb, variant, anchors, statistic)
    met, y = (statistic >= -rounding).to(torch.float64), torch.from_numpy(emb.y)
    return instance_influence(met, weight, anchors, others, y, emb.v, variant.stratified)


def _loss_functional(tilt: Tilt, losses: AnchorLosses, f: int, anchors: Tensor) -> Functional:
    weight, slope, curvature = (
        values[:, f].nan_to_num(0.0) for values in (losses.weight, losses.slope, losses.curvature)
    )
    of_rows = torch.stack([weight, slope, curvature])
    return Functional(tilt, weight * slope, weight * curvature, partial(_loss_change, anchors, of_rows))


def _at(anchors: Tensor, of_rows: Tensor, anchor: Tensor, delta: Tensor) -> tuple[Tensor, ...]:
    """What (f, a) holds at some anchors, where delta is; `anchors` ascend."""
    return of_rows[:, torch.searchsorted(anchors, anchor.cpu())].to(delta.device).unbind()


def _loss_change(anchors: Tensor, of_rows: Tensor, anchor: Tensor, delta: Tensor) -> Tensor:
    weight, slope, curvature = _at(anchors, of_rows, anchor, delta)
    return weight * loss_effect(slope, curvature, delta)


def _share_functional(tilt: Tilt, margin: Tensor, weight: Tensor, sign: float, anchors: Tensor) -> Functional:
    width = kernel_width(margin)
    of_rows = torch.stack([weight, margin.nan_to_num(0.0)])
    slope = sign * weight * density_at_zero(margin, width)
    return Functional(tilt, slope, torch.zeros_like(slope), partial(_share_change, anchors, of_rows, width, sign))


def _share_change(anchors: Tensor, of_rows: Tensor, width: float, sign: float, anchor: Tensor, delta: Tensor) -> Tensor:
    weight, margin = _at(anchors, of_rows, anchor, delta)
    return weight * share_effect(margin, width, sign * delta)


def _margin_weight(emb: EmbeddingSet, variant: Variant, anchors: Tensor, margin: Tensor) -> Tensor:
    """Weights (a,) of the anchors whose margin is defined, summing to n v."""
    weight = instance_weights(torch.from_numpy(emb.y), variant.class_prior)[anchors // emb.v]
    return normalise_weights(weight, torch.isfinite(margin)[:, None], emb.n * emb.v)[:, 0]
