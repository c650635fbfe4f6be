"""InfoNCE's information bound, where the information is known: positives of the anchor's class.

docs/theory.md, eq. (73).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.contrastive_bounds import KS, lower_finding
from boundcheck.claims.requirements import CLASS_POSITIVES, LIMIT, MODERATE_LOGITS, SAMPLE, SELF_INCLUDED
from boundcheck.estimators.mean_classifier import class_prior


def least_loss(prior: torch.Tensor, k: int) -> float:
    """log(K + 1) - H(pi), nats: what K negatives and the classes' entropy leave of any encoder's loss."""
    return math.log(k + 1) - float(torch.special.entr(prior).sum())


@claim(
    id="infonce_information",
    title="InfoNCE cannot claim more information than the labels hold",
    statement=r"L_{\mathrm{cont}}^{(K)} \geq \log(K + 1) - H(\pi)",
    source="van den Oord, Li, Vinyals 2018 (arXiv 1807.03748), Poole et al. 2019 (arXiv 1905.06922): I >= log(K + 1) -"
    " L; derived here for class positives, which share H(pi) nats with their anchor",
    requirements=(SAMPLE, LIMIT, MODERATE_LOGITS, SELF_INCLUDED, CLASS_POSITIVES),
)
def infonce_information(evidence: Evidence) -> Iterator[Finding]:
    """Whatever the critic: the positive is uniform in the anchor's class, so its density ratio is 1 / pi_y."""
    prior = class_prior(evidence.losses)
    for j, k in enumerate(KS):
        loss = evidence.summed(KS)[:, j]
        yield lower_finding(evidence, k, torch.full_like(loss, least_loss(prior, k)), loss)
