"""The mean classifier by the loss that SimCLR trains: views for positives, a temperature, K summed negatives.

docs/theory.md, eq. (87).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.contrastive_bounds import KS, QUADRATURE, above_any_loss, mean_classifier_loss
from boundcheck.claims.finite_k_rate import gap_bound
from boundcheck.claims.mean_classifier_by_variance import NEEDS
from boundcheck.claims.requirements import MODERATE_LOGITS


def offset(classes: int, temperature: float, k: int) -> float:
    """log C - log K + min(2/tau, (e^(1/tau) - 1)^2 / K), nats."""
    return math.log(classes) - math.log(k) + gap_bound(temperature, k)


@claim(
    id="simclr_upper",
    title="The mean classifier costs at most SimCLR's loss, the variance within classes and log(C / K)",
    statement=r"L_{\mu} \leq L_{\mathrm{cont}}^{(K)} + \log\tfrac{C}{K} + \operatorname{Var}(f \mid y)/\tau"
    r" + \min\left(\tfrac2\tau, \tfrac{(e^{1/\tau} - 1)^2}{K}\right)",
    source="for the setting of Van Elst, Ghoshdastidar 2024 (arXiv 2412.03486), whose statement was not at hand;"
    " derived here from `wang_upper` and `finite_k_rate`, for any positives of the anchor's class",
    requirements=(*NEEDS, MODERATE_LOGITS),
)
def simclr_upper(evidence: Evidence) -> Iterator[Finding]:
    """L_cont >= log K + E log(mean of K e^t) - t_p, which is within `gap_bound` of the decoupled limit."""
    losses = evidence.losses
    lhs, spread = mean_classifier_loss(evidence), evidence.variance_within / losses.variant.temperature
    low = losses.average(lhs).value
    for j, k in enumerate(KS):
        rhs = evidence.summed(KS)[:, j] + spread + offset(losses.emb.c, losses.variant.temperature, k)
        high = losses.average(rhs).value
        yield Finding(
            None, None, float(k), low, high, losses.average(rhs - lhs), rhs - lhs, error=QUADRATURE,
            note=f"Q = K = {k} negatives, summed.", vacuous=above_any_loss(evidence, high),
        )  # fmt: skip
