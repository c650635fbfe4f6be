"""The mean classifier's cross-entropy on both sides by the decoupled UCL and the variance within classes.

docs/theory.md, eq. (75) and eq. (76).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from torch import Tensor

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.contrastive_bounds import above_any_loss, mean_classifier_loss
from boundcheck.claims.requirements import BALANCED, EVERY_ANCHOR, LABELS, LIMIT, SAMPLE, SELF_INCLUDED, UNIT_NORM
from boundcheck.hardening import CONSTANT
from boundcheck.pools import ALL

NEEDS = (SAMPLE, LIMIT, LABELS, SELF_INCLUDED, BALANCED, UNIT_NORM, EVERY_ANCHOR)
SOURCE = (
    "Wang, Zhang, Wang, Yang, Lin 2022 (arXiv 2203.13457), with their sqrt(Var) sharpened to Var; derived here, for any"
    " positives of the anchor's class and a population of negatives"
)


def decoupled(evidence: Evidence) -> Tensor:
    """(a,) rho_all - mean t_ap, nats."""
    losses = evidence.losses
    return losses.table.rho(ALL, CONSTANT) - evidence.positive_similarity / losses.variant.temperature


def spread_cost(largest_variance: float, temperature: float) -> float:
    """What averaging within a class may take off log E e^t, nats: by Bennett's or by Hoeffding's inequality.

    Args:
        largest_variance: of any class, max over c of E|f - mu_c|^2.
        temperature: tau.
    """
    u = 2 / temperature
    hoeffding = u**2 / 8
    if largest_variance <= 0:  # below by rounding
        return 0.0
    # log(e^u - 1 - u), which overflows at temperatures below 1 / 350.
    excess = math.log(math.expm1(u) - u) if u < 1 else u + math.log1p(-(1 + u) * math.exp(-u))
    return min(float(np.logaddexp(0.0, math.log(largest_variance / 4) + excess)), hoeffding)


@claim(
    id="wang_upper",
    title="The mean classifier costs at most the decoupled UCL, the variance within classes and log C",
    statement=r"L_{\mu} \leq L_{\mathrm{UCL}}^{Q=\infty} + \operatorname{Var}(f \mid y)/\tau + \log C",
    source=SOURCE,
    requirements=NEEDS,
)
def wang_upper(evidence: Evidence) -> Iterator[Finding]:
    """Jensen over negatives; and E <f, f+> - E |mu_y|^2 = E <f - mu_y, f+ - mu_y> <= Var by Cauchy and Schwarz."""
    losses = evidence.losses
    lhs = mean_classifier_loss(evidence)
    rhs = decoupled(evidence) + evidence.variance_within / losses.variant.temperature + math.log(losses.emb.c)
    low, high = losses.average(lhs).value, losses.average(rhs).value
    vacuous = above_any_loss(evidence, high)
    yield Finding(None, None, None, low, high, losses.average(rhs - lhs), rhs - lhs, vacuous=vacuous)


@claim(
    id="wang_lower",
    title="The mean classifier costs at least the decoupled UCL and log C less what the classes' spread hides",
    statement=r"L_{\mu} \geq L_{\mathrm{UCL}}^{Q=\infty} + \log C - \operatorname{Var}(f \mid y)/\tau - \min\left("
    r"\log\left(1 + \tfrac14 v_{\max}(e^{2/\tau} - 1 - \tfrac2\tau)\right), \tfrac{1}{2\tau^2}\right)",
    source=SOURCE,
    requirements=NEEDS,
)
def wang_lower(evidence: Evidence) -> Iterator[Finding]:
    """Within a class t has mean <f, mu_c>/tau, lies at most 2/tau above it, has range 2/tau and variance v_c/tau^2."""
    losses = evidence.losses
    tau, spread = losses.variant.temperature, evidence.variance_within
    means = evidence.class_means
    largest = float((1 - means.square().sum(1)).max())  # on the sphere E|f - mu|^2 = 1 - |mu|^2
    rhs = mean_classifier_loss(evidence)
    lhs = decoupled(evidence) + math.log(losses.emb.c) - spread / tau - spread_cost(largest, tau)
    low, high = losses.average(lhs).value, losses.average(rhs).value
    vacuous = "" if low > 0 else "The bound is not above 0, which a cross-entropy never falls below."
    yield Finding(None, None, None, low, high, losses.average(rhs - lhs), rhs - lhs, vacuous=vacuous)
