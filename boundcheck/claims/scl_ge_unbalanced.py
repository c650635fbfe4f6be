"""A lower bound of the supervised losses at any class prior, by an eigenvalue; extends `scl_ge_collapse`.

docs/theory.md, eq. (71).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.floors import floors, loss_at
from boundcheck.claims.requirements import EVERY_ANCHOR, UNIT_NORM
from boundcheck.estimators.mean_classifier import class_prior


def least_exponent(prior: np.ndarray) -> float:
    """lambda <= tau E(rho_diff - t_ap) on the unit ball, at least -2: -C/(C-1) where the prior is uniform.

    Args:
        prior: (c,) class probabilities pi, each > 0.
    """
    if len(prior) < 2 or not prior.max() < 1:
        return -2.0
    weight = 1 / (1 - prior)
    coupling = np.sqrt(np.outer(prior, prior)) * (weight[:, None] + weight[None]) / 2
    np.fill_diagonal(coupling, 0.0)
    return max(-1 + float(np.linalg.eigvalsh(coupling)[0]), -2.0)


@claim(
    id="scl_ge_unbalanced",
    title="SCL and H-SCL are at least a bound that any class sizes have",
    statement=r"L_{\mathrm{SCL}}, L_{\mathrm{HSCL}} \geq \log\left(1 + Q\, e^{\lambda/\tau}\right),\quad"
    r" \lambda = \lambda_{\min}(B) - 1,\; B_{yc} = \tfrac12\sqrt{\pi_y \pi_c}"
    r"\left(\tfrac{1}{1 - \pi_y} + \tfrac{1}{1 - \pi_c}\right),\; B_{yy} = 0",
    source="derived here; extends Jiang, Nguyen, Ishwar, Aeron 2024 (arXiv 2311.05139) to unbalanced classes. Not tight"
    " there: minority collapse (arXiv 2605.11291 gives its threshold) is the optimum, this its relaxation",
    requirements=(UNIT_NORM, EVERY_ANCHOR),
)
def scl_ge_unbalanced(evidence: Evidence) -> Iterator[Finding]:
    """Jensen leaves sum over y of pi_y (sum over c != y of pi_c / (1 - pi_y) <mu_y, mu_c> - 1): quadratic in means.

    With D = diag(pi), |mu_c| <= 1, it is at least the least eigenvalue of the symmetric part between D^(-1/2), less 1.
    """
    exponent = least_exponent(class_prior(evidence.losses).numpy()) / evidence.losses.variant.temperature
    yield from floors(evidence, "hscl", lambda q: loss_at(exponent, q))
