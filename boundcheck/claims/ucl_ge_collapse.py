"""Neural collapse minimises UCL with class positives: the unsupervised counterpart of `scl_ge_collapse`.

docs/theory.md, eq. (70).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.floors import floors, loss_at
from boundcheck.claims.requirements import (
    BALANCED,
    CLASS_POSITIVES,
    EVERY_ANCHOR,
    LIMIT,
    SAMPLE,
    SELF_INCLUDED,
    UNIT_NORM,
)


def floor(classes: int, temperature: float, q: float) -> float:
    """UCL at neural collapse, nats: log(1 + Q (1/C + (C-1)/C e^(-C / ((C-1) tau)))); Q = inf is the decoupled loss."""
    share = 1 / classes + (classes - 1) / classes * math.exp(-classes / ((classes - 1) * temperature))
    return loss_at(math.log(share), q)


@claim(
    id="ucl_ge_collapse",
    title="UCL and H-UCL are at least UCL at neural collapse",
    statement=r"L_{\mathrm{UCL}}, L_{\mathrm{HUCL}} \geq \log\left(1 + Q\left(\tfrac1C + \tfrac{C-1}{C}"
    r" e^{-C/((C-1)\tau)}\right)\right)",
    source="derived here, after Jiang, Nguyen, Ishwar, Aeron 2024 (arXiv 2311.05139), who state it for SCL",
    requirements=(SAMPLE, LIMIT, UNIT_NORM, BALANCED, CLASS_POSITIVES, SELF_INCLUDED, EVERY_ANCHOR),
)
def ucl_ge_collapse(evidence: Evidence) -> Iterator[Finding]:
    """Jensen for softplus, for candidates within classes, for anchors within classes, then over classes.

    That leaves log(1/C + (C-1)/C e^u) with u the mean of (<mu_y, mu_c> - |mu_y|^2) / tau over y and c != y, which
    |sum mu_c|^2 >= 0 and |mu_c| <= 1 keep above -C / ((C-1) tau). Equality at the collapsed simplex.
    """
    classes, temperature = evidence.losses.emb.c, evidence.losses.variant.temperature
    yield from floors(evidence, "hucl", lambda q: floor(classes, temperature, q))
