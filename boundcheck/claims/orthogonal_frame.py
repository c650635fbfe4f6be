"""Behind a ReLU the losses are least at an orthogonal frame, whatever the class sizes.

docs/theory.md, eq. (80) and eq. (81).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from boundcheck.claims.base import Evidence, Finding, claim, less_constant
from boundcheck.claims.floors import floors, loss_at
from boundcheck.claims.requirements import (
    CLASS_POSITIVES,
    EVERY_ANCHOR,
    LABELS,
    LIMIT,
    NON_NEGATIVE,
    SAMPLE,
    SELF_INCLUDED,
    UNIT_NORM,
)
from boundcheck.estimators.mean_classifier import class_prior

SOURCE = (
    "Kini, Vakilian, Behnia, Gill, Thrampoulidis 2023 (arXiv 2306.07960), whose loss sums over a batch; derived here"
)


def supervised_floor(temperature: float, q: float) -> float:
    """SCL at an orthogonal frame, nats: log(1 + Q e^(-1/tau))."""
    return loss_at(-1 / temperature, q)


def unsupervised_floor(prior: np.ndarray, temperature: float, q: float) -> float:
    """UCL at an orthogonal frame, nats: the mean over classes of log(1 + Q (pi_y + (1 - pi_y) e^(-1/tau)))."""
    shares = prior + (1 - prior) * np.exp(-1 / temperature)
    return float(sum(p * loss_at(float(np.log(share)), q) for p, share in zip(prior, shares, strict=True)))


@claim(
    id="scl_ge_orthogonal",
    title="Without negative entries SCL and H-SCL are at least their value at an orthogonal frame",
    statement=r"z \geq 0 \Rightarrow L_{\mathrm{SCL}}, L_{\mathrm{HSCL}} \geq \log\left(1 + Q\, e^{-1/\tau}\right)",
    source=SOURCE,
    kind="exact",
    requirements=(SAMPLE, LIMIT, LABELS, UNIT_NORM, NON_NEGATIVE),
)
def scl_ge_orthogonal(evidence: Evidence) -> Iterator[Finding]:
    """Logits are not below 0, so neither is rho_diff under any tilt; t_ap <= 1/tau. At any class sizes."""
    losses = evidence.losses
    for q in evidence.q:
        least = supervised_floor(losses.variant.temperature, q)
        for h in losses.variant.hardenings:
            key = evidence.key("hscl", h, q)
            slack, mean = losses.per_anchor(key) - least, losses.loss(key)
            gap = less_constant(mean, least)
            yield Finding(h.family, h.beta, q, least, mean.value, gap, slack, evidence.share(slack), between=(key,))


@claim(
    id="ucl_ge_orthogonal",
    title="Without negative entries UCL and H-UCL are at least their value at an orthogonal frame",
    statement=r"z \geq 0 \Rightarrow L_{\mathrm{UCL}}, L_{\mathrm{HUCL}} \geq \sum_y \pi_y"
    r" \log\left(1 + Q(\pi_y + (1 - \pi_y) e^{-1/\tau})\right)",
    source=SOURCE,
    requirements=(SAMPLE, LIMIT, LABELS, UNIT_NORM, NON_NEGATIVE, SELF_INCLUDED, CLASS_POSITIVES, EVERY_ANCHOR),
)
def ucl_ge_orthogonal(evidence: Evidence) -> Iterator[Finding]:
    """As for `ucl_ge_collapse` within each class, where <mu_y, mu_c> >= 0 and |mu_y| <= 1; equality at the frame."""
    prior, temperature = class_prior(evidence.losses).numpy(), evidence.losses.variant.temperature
    yield from floors(evidence, "hucl", lambda q: unsupervised_floor(prior, temperature, q))
