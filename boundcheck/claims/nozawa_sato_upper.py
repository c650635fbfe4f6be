"""Nozawa and Sato 2021: the factor 1 / (1 - t_K) of Arora's bound becomes at most 2.

docs/theory.md, eq. (41).
"""

from __future__ import annotations

from collections.abc import Iterator

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.contrastive_bounds import KS, collision_loss, line_through_collisions, log_coverage, upper_bounds
from boundcheck.claims.requirements import BALANCED, CLASS_POSITIVES, LIMIT, MODERATE_LOGITS, SAMPLE, SELF_INCLUDED


@claim(
    id="nozawa_sato_upper",
    title="Nozawa and Sato's bound: the mean classifier costs at most twice the contrastive loss over v",
    statement=r"L_{\mu} \leq \frac{2 L_{\mathrm{cont}} - \mathrm{col}}{v}",
    source="Nozawa, Sato 2021 (arXiv 2102.06866), as compared in Bao, Nagano, Nozawa 2022 (arXiv 2110.02501), Figure 1",
    requirements=(SAMPLE, LIMIT, MODERATE_LOGITS, SELF_INCLUDED, CLASS_POSITIVES, BALANCED),
)
def nozawa_sato_upper(evidence: Evidence) -> Iterator[Finding]:
    """v = P(K + 1 draws show every class), col = E log(1 + collisions); C classes of equal prior.

    With class means for positives and negatives (Jensen), L_cont >= v L_mu from the draws that show every class, and
    L_cont >= col from the collisions alone.
    """
    classes = evidence.losses.emb.c
    coverage = log_coverage(classes, max(KS) + 1)

    def line(k: int) -> tuple[float, float] | None:
        return line_through_collisions(-coverage[k + 1], collision_loss(classes, k), slope=2.0)

    yield from upper_bounds(evidence, line)
