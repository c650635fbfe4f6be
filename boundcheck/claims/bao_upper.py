"""Bao, Nagano, Nozawa 2022: the mean classifier above by the contrastive loss and a constant, for any K.

docs/theory.md, eq. (43).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.contrastive_bounds import log_cosh, upper_bounds
from boundcheck.claims.requirements import CLASS_POSITIVES, LIMIT, MODERATE_LOGITS, SAMPLE, SELF_INCLUDED, UNIT_NORM
from boundcheck.estimators.mean_classifier import class_prior


@claim(
    id="bao_upper",
    title="Bao's upper bound: the mean classifier costs at most the contrastive loss plus a constant",
    statement=r"L_{\mu} \leq L_{\mathrm{cont}} + \log \frac{\pi_{\max} C^2 \cosh^2(1/\tau)}{K}",
    source="Bao, Nagano, Nozawa 2022 (arXiv 2110.02501), upper bound, with b^2 = 1 / tau",
    requirements=(SAMPLE, LIMIT, MODERATE_LOGITS, SELF_INCLUDED, CLASS_POSITIVES, UNIT_NORM),
)
def bao_upper(evidence: Evidence) -> Iterator[Finding]:
    """L_cont has a sum over K negatives from all classes, its own included.

    With t the logits and t_c those of class means, by Jensen L_cont >= E[log sum_k e^(t_k) - t_p] >=
    log K + E[sum pi_c t_c - t_y]; and (sum e^(t_c)) e^(-sum pi_c t_c) <= (sum e^(t_c)) (sum pi_c e^(-t_c)) <=
    pi_max C^2 cosh^2(1 / tau), by Jensen and, as |t_c| <= 1 / tau, by Kantorovich.
    """
    classes, tau = evidence.losses.emb.c, evidence.losses.variant.temperature
    largest = float(class_prior(evidence.losses).max())
    constant = math.log(largest * classes**2) + 2 * log_cosh(1 / tau)
    yield from upper_bounds(evidence, lambda k: (1.0, constant - math.log(k)))
