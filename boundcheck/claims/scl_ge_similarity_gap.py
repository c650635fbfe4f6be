"""SCL from below by two numbers of each anchor: its mean similarities to positives and to other classes.

docs/theory.md, eq. (83).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import softplus

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.requirements import LABELS, LIMIT, SAMPLE
from boundcheck.estimators.mean_classifier import anchor_labels, class_logits, class_prior


def least(gap: Tensor, q: float) -> Tensor:
    """log(1 + Q e^gap) of (a,) differences of mean logits, nats."""
    return gap if math.isinf(q) else softplus(gap + math.log(q))


@claim(
    id="scl_ge_similarity_gap",
    title="SCL and H-SCL are at least what the mean similarities to positives and to other classes leave",
    statement=r"L_{\mathrm{SCL}}(a), L_{\mathrm{HSCL}}(a) \geq \log\left(1 + Q\,"
    r" e^{(\bar s_{\mathrm{diff}}(a) - \bar s_+(a))/\tau}\right)",
    source="Jensen's inequality, twice; what remains of Feeney, Hughes 2024 (arXiv 2309.14277), SINCERE by symmetrised"
    " KL: their densities of two classes do not overlap on finitely many points, and their bound is -inf there",
    kind="exact",
    requirements=(SAMPLE, LIMIT, LABELS),
)
def scl_ge_similarity_gap(evidence: Evidence) -> Iterator[Finding]:
    """At every anchor, by its own means; over anchors the mean of the bounds is sharper than that of the means."""
    losses = evidence.losses
    logits, label = class_logits(losses, evidence.z), anchor_labels(losses)
    prior = class_prior(losses)
    weight = prior.expand(len(label), -1).scatter(1, label[:, None], 0.0)
    others = (logits * weight).sum(1) / weight.sum(1)
    gap = others - evidence.positive_similarity / losses.variant.temperature
    for q in evidence.q:
        bound = least(gap, q)
        for h in losses.variant.hardenings:
            loss = losses.per_anchor(evidence.key("hscl", h, q))
            slack = loss - bound
            defined = torch.where(torch.isnan(slack), torch.nan, bound)
            low, margin = evidence.mean(defined).value, evidence.mean(slack)
            yield Finding(h.family, h.beta, q, low, low + margin.value, margin, slack, evidence.share(slack))
