"""Bao, Nagano, Nozawa 2022: the mean classifier below by the contrastive loss and a constant, for any K.

docs/theory.md, eq. (44).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.contrastive_bounds import log_cosh, lower_bounds
from boundcheck.claims.requirements import CLASS_POSITIVES, LIMIT, MODERATE_LOGITS, SAMPLE, SELF_INCLUDED, UNIT_NORM
from boundcheck.estimators.mean_classifier import class_prior


@claim(
    id="bao_lower",
    title="Bao's lower bound: the mean classifier costs at least the contrastive loss less a constant",
    statement=r"L_{\mu} \geq L_{\mathrm{cont}} + H(\pi) + \log K - 2 \log(1 + K) - 2 \log\cosh(1/\tau)",
    source="Bao, Nagano, Nozawa 2022 (arXiv 2110.02501), lower bound, with b^2 = 1 / tau",
    requirements=(SAMPLE, LIMIT, MODERATE_LOGITS, SELF_INCLUDED, CLASS_POSITIVES, UNIT_NORM),
)
def bao_lower(evidence: Evidence) -> Iterator[Finding]:
    """H is the entropy of the class prior in nats; L_cont as in `bao_upper`.

    Over positive and negatives sum e^t <= (1 + K)^2 cosh^2(1 / tau) / sum e^(-t) by Kantorovich, and sum e^(-t) >=
    K e^(-mean over k of t_k), so L_cont <= E[sum pi_c t_c - t_y] - log K + 2 log(1 + K) + 2 log cosh(1 / tau); and
    log sum e^(t_c) >= sum pi_c t_c + H(pi) by Gibbs.
    """
    tau = evidence.losses.variant.temperature
    entropy = float(-class_prior(evidence.losses).xlogy(class_prior(evidence.losses)).sum())
    constant = entropy - 2 * log_cosh(1 / tau)
    yield from lower_bounds(evidence, lambda k: constant + math.log(k) - 2 * math.log1p(k))
