"""Neural collapse minimises the supervised losses: the lower bound of Jiang et al. 2024.

docs/theory.md, eq. (33).
"""

from __future__ import annotations

from collections.abc import Iterator

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.floors import floors, loss_at
from boundcheck.claims.requirements import BALANCED, EVERY_ANCHOR, LABELS, UNIT_NORM


def collapse_loss(classes: int, temperature: float, q: float) -> float:
    """SCL and H-SCL at neural collapse, nats: log(1 + Q exp(-C / ((C - 1) tau))); Q = inf is the decoupled loss."""
    return loss_at(-classes / ((classes - 1) * temperature), q)


@claim(
    id="scl_ge_collapse",
    title="SCL and H-SCL are at least their value at neural collapse",
    statement=r"L_{\mathrm{SCL}}, L_{\mathrm{HSCL}} \geq \log\left(1 + Q\, e^{-C/((C-1)\tau)}\right)",
    source="Jiang, Nguyen, Ishwar, Aeron 2024 (arXiv 2311.05139), optimal representation geometry",
    requirements=(LABELS, UNIT_NORM, BALANCED, EVERY_ANCHOR),
)
def scl_ge_collapse(evidence: Evidence) -> Iterator[Finding]:
    """Jensen twice, so for any k, then |sum of class means|^2 >= 0; equality when each class is a simplex vertex."""
    classes, temperature = evidence.losses.emb.c, evidence.losses.variant.temperature
    yield from floors(evidence, "hscl", lambda q: collapse_loss(classes, temperature, q))
