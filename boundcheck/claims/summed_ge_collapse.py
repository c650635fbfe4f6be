"""However many negatives, the contrastive loss is least at neural collapse: more of them do not move the optimum.

docs/theory.md, eq. (79).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.contrastive_bounds import KS, binomial, lower_finding
from boundcheck.claims.requirements import (
    BALANCED,
    CLASS_POSITIVES,
    EVERY_ANCHOR,
    LIMIT,
    MODERATE_LOGITS,
    SAMPLE,
    SELF_INCLUDED,
    UNIT_NORM,
)


def floor(classes: int, temperature: float, k: int) -> float:
    """E log(1 + B + (K - B) e^(-C / ((C-1) tau))), nats, B = Bin(K, 1/C) collisions: the loss at neural collapse."""
    count = np.arange(k + 1)
    far = math.exp(-classes / ((classes - 1) * temperature))
    return float(binomial(k, 1 / classes) @ np.log1p(count + (k - count) * far))


@claim(
    id="summed_ge_collapse",
    title="The loss of K summed negatives is at least its value at neural collapse, whatever K",
    statement=r"L_{\mathrm{cont}}^{(K)} \geq \mathrm{E} \log\left(1 + B + (K - B) e^{-C/((C-1)\tau)}\right),"
    r"\quad B \sim \mathrm{Bin}(K, 1/C)",
    source="Awasthi, Dikkala, Kamath 2022 (arXiv 2205.01789) ask whether more negatives hurt the optimum; derived here:"
    " for balanced classes on the sphere the optimum is the same simplex for every K",
    requirements=(SAMPLE, LIMIT, MODERATE_LOGITS, UNIT_NORM, BALANCED, CLASS_POSITIVES, SELF_INCLUDED, EVERY_ANCHOR),
)
def summed_ge_collapse(evidence: Evidence) -> Iterator[Finding]:
    """log(1 + sum e^x) is convex in all its logits, and given the classes of anchor and negatives they are independent.

    So each logit may be replaced by (<mu_y, mu_c> - |mu_y|^2) / tau; those of the K - B other classes by their common
    mean, which is at least -C / ((C-1) tau).
    """
    losses = evidence.losses
    for j, k in enumerate(KS):
        loss = evidence.summed(KS)[:, j]
        least = floor(losses.emb.c, losses.variant.temperature, k)
        yield lower_finding(evidence, k, torch.full_like(loss, least), loss)
