"""A loss table as frames: losses and shares of Assumption 1 with intervals, and what may be relied on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from boundcheck.estimators.reliability import LEAST_ESS, effective
from boundcheck.estimators.shares import MarginSummary, share_of
from boundcheck.hardening import Constant
from boundcheck.pools import DIFF, SAME

if TYPE_CHECKING:
    from boundcheck.estimators.records import LossTable

# Effective instances, in the median, from which the interval of a share holds the population's; a margin is the
# difference of two means, and below what it may yet change by grows faster than parts of the instances tell.
SHARE_ESS = 2 * LEAST_ESS
# Largest logits are no sums: they are as good as a float32 product, whatever the temperature.
COSINE_TOLERANCE = 1e-6


def losses_frame(losses: LossTable, confidence: float) -> pd.DataFrame:
    """See `LossTable.to_frame`."""
    rows = []
    for key in losses.keys:
        estimate = losses.loss(key)
        low, high = estimate.interval(confidence)
        rows.append(
            dict(
                loss=key.loss.id,
                hardening=key.hardening.family,
                beta=_number(key.hardening.beta),
                q=key.q,
                temperature=losses.variant.temperature,
                positives=losses.variant.positives,
                estimator=losses.estimator,
                k=_number(losses.k),
                estimate=estimate.value,
                plugin=estimate.plugin,
                se=estimate.se,
                ci_low=low,
                ci_high=high,
                n_anchors=losses.anchors_used(key),
                ess=effective(losses, key),
                design=losses.variant.design,
                reliable=losses.doubt((key,)) is None,
            )
        )
    return pd.DataFrame(rows)


def assumption_frame(losses: LossTable, confidence: float) -> pd.DataFrame:
    """See `LossTable.assumption_frame`."""
    ends = [_row(losses, summary, confidence) for summary in losses.margins.values()]
    # Infinite pools come as near as one likes: they have no nearest neighbour.
    if losses.estimator == "closed":
        return pd.DataFrame(ends)
    return pd.DataFrame([*ends, _nearest_neighbour_row(losses, confidence)])


def _row(losses: LossTable, summary: MarginSummary, confidence: float) -> dict[str, object]:
    low, high = summary.share.interval(confidence)
    finite = summary.margin[torch.isfinite(summary.margin)]
    return dict(
        hardening=summary.hardening.family,
        beta=_number(summary.hardening.beta),
        share_holding=summary.share.value,
        share_low=low,
        share_high=high,
        median_margin=float(finite.median()) if len(finite) else np.nan,
        min_margin=float(finite.min()) if len(finite) else np.nan,
        share_in_parts=summary.in_parts,
        reliable=losses.exhaustive or _settled(losses, summary, low, high),
        median_ess=summary.median_ess,
        n_anchors=len(finite),
        n_undefined=len(summary.margin) - len(finite),
    )


def _settled(losses: LossTable, summary: MarginSummary, low: float, high: float) -> bool:
    """Whether an interval can be taken to hold the population's share: nothing stands against the sample as a whole,
    near-duplicates do not make it, and it rests on enough effective instances."""
    dropped = summary.share.value if summary.dropped is None else summary.dropped
    return losses.doubt(()) is None and low <= dropped <= high and not summary.median_ess < SHARE_ESS


def _nearest_neighbour_row(losses: LossTable, confidence: float) -> dict[str, object]:
    """The limit beta -> inf: the margin is the nearest same-class logit minus the nearest other-class one."""
    margin = losses.table.largest_logit(SAME) - losses.table.largest_logit(DIFF)
    margin = torch.where(torch.isfinite(margin), margin, torch.nan)
    constant = next(h for h in losses.margins if isinstance(h, Constant))
    tolerance = COSINE_TOLERANCE * losses.emb.largest_norm**2 / losses.variant.temperature
    anchors, v, clusters = losses.table.anchors, losses.emb.v, losses.clusters
    share = share_of(margin, losses.weight, anchors, v, losses.exhaustive, tolerance, clusters)
    row = _row(losses, MarginSummary(constant, margin, share, None), confidence)
    return row | dict(hardening="exp", beta=np.inf, median_ess=1.0, reliable=False)


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
