"""Arora et al. 2019, carried to K negatives: infinite while K + 1 draws cannot show every class.

docs/theory.md, eq. (40).
"""

from __future__ import annotations

from collections.abc import Iterator

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.contrastive_bounds import (
    KS,
    collision_loss,
    line_through_collisions,
    log_coverage,
    log_no_collision,
    upper_bounds,
)
from boundcheck.claims.requirements import BALANCED, CLASS_POSITIVES, LIMIT, MODERATE_LOGITS, SAMPLE, SELF_INCLUDED


@claim(
    id="arora_upper",
    title="Arora's bound: the mean classifier costs at most the contrastive loss over (1 − t_K) v",
    statement=r"L_{\mu} \leq \frac{L_{\mathrm{cont}} - \mathrm{col}}{(1 - t_K)\, v}",
    source="Arora et al. 2019 (arXiv 1902.09229), as compared in Bao, Nagano, Nozawa 2022 (arXiv 2110.02501), Figure 1",
    requirements=(SAMPLE, LIMIT, MODERATE_LOGITS, SELF_INCLUDED, CLASS_POSITIVES, BALANCED),
)
def arora_upper(evidence: Evidence) -> Iterator[Finding]:
    """t_K = P(a collision), v = P(K + 1 draws show every class), col = E log(1 + collisions); equal priors.

    As for `ash_upper` up to L_cont - col >= (1 - t_K) f(K); without a collision the draws show every class with
    probability v or more, and f(K) >= v L_mu.
    """
    classes = evidence.losses.emb.c
    coverage = log_coverage(classes, max(KS) + 1)

    def line(k: int) -> tuple[float, float] | None:
        log_factor = -coverage[k + 1] - log_no_collision(classes, k)
        return line_through_collisions(log_factor, collision_loss(classes, k))

    yield from upper_bounds(evidence, line)
