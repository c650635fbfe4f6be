"""SCL bounds how often another class ranks above a positive: one less the area under the ROC curve.

docs/theory.md, eq. (84).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from boundcheck.claims.base import Evidence, Finding, above_one, claim
from boundcheck.claims.requirements import FEW, FINITE_Q, LABELS, LIMIT, SAMPLE
from boundcheck.estimators.mean_classifier import anchor_labels, class_prior
from boundcheck.estimators.records import LossTable


def price(q: float) -> float:
    """The least loss of a positive below all other classes, nats: log(1 + Q)."""
    return math.log1p(q)


def misranked(losses: LossTable, z: Tensor) -> Tensor:
    """(a,) 1 - AUC: the share of (positive, other-class candidate) in which the latter is at least as near; NaN
    without a positive. Candidates weigh as the class prior has it."""
    emb, variant, anchors = losses.emb, losses.variant, losses.table.anchors
    rows, label = z.detach().reshape(-1, emb.d).to(torch.float64), torch.from_numpy(emb.y).repeat_interleave(emb.v)
    weight = (class_prior(losses) / torch.bincount(label))[label]
    instance, own = torch.arange(len(rows)) // emb.v, anchor_labels(losses)
    out = torch.full((len(anchors),), torch.nan, dtype=torch.float64)
    for c in set(own.tolist()) if emb.c > 1 else ():
        of_class, here = torch.nonzero(label == c)[:, 0], anchors[own == c]
        positive = torch.ones(len(here), len(of_class), dtype=torch.bool)
        if variant.positives == "augmentation":
            positive = instance[here][:, None] == instance[of_class]
        if variant.self_pairs == "exclude" or variant.positives == "augmentation":
            positive = positive & (here[:, None] != of_class)
        t, order = (rows[here] @ rows[label != c].T).sort(1)
        above = weight[label != c][order].flip(1).cumsum(1).flip(1)
        above = torch.cat([above, above.new_zeros(len(here), 1)], 1) / above[:, :1]
        wrong = above.gather(1, torch.searchsorted(t, rows[here] @ rows[of_class].T))
        out[own == c] = torch.where(positive, wrong, 0.0).sum(1) / positive.sum(1)  # NaN where there is none
    return out


@claim(
    id="scl_bounds_ranking",
    title="SCL bounds how often another class ranks above a positive",
    statement=r"1 - \mathrm{AUC} \leq L_{\mathrm{SCL}} / \log(1 + Q)",
    source="after arXiv 2605.02116, excess contrastive risk and AUC suboptimality; derived here: of labels that are"
    " known the best AUC is 1 and the least risk 0, so that the excesses are the quantities themselves",
    kind="exact",
    requirements=(SAMPLE, LIMIT, LABELS, FINITE_Q, FEW),
)
def scl_bounds_ranking(evidence: Evidence) -> Iterator[Finding]:
    """Jensen: log(1 + Q E e^(t_b - t_p)) >= E log(1 + Q e^(t_b - t_p)) >= log(1 + Q) P(t_b >= t_p). H-SCL is above."""
    losses = evidence.losses
    share = misranked(losses, evidence.z)
    for q in evidence.q:
        for h in () if math.isinf(q) else losses.variant.hardenings:
            slack = losses.per_anchor(evidence.key("hscl", h, q)) - share * price(q)
            low = evidence.mean(torch.where(torch.isnan(slack), torch.nan, share * price(q))).value
            margin = evidence.mean(slack)
            bound = low + margin.value
            yield Finding(
                h.family, h.beta, q, low, bound, margin, slack, evidence.share(slack),
                note="lhs is (1 - AUC) x log(1 + Q).", vacuous=above_one(bound, price(q)),
            )  # fmt: skip
