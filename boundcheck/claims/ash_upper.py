"""Ash et al. 2022: no coverage needed, but collisions still make the bound grow with K.

docs/theory.md, eq. (42).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.contrastive_bounds import collision_loss, line_through_collisions, log_no_collision, upper_bounds
from boundcheck.claims.requirements import BALANCED, CLASS_POSITIVES, LIMIT, MODERATE_LOGITS, SAMPLE, SELF_INCLUDED


@claim(
    id="ash_upper",
    title="Ash's bound: the mean classifier costs at most the contrastive loss times a factor that grows with K",
    statement=r"L_{\mu} \leq \frac{2 \max(1,\, 2 (C-1) H_{C-1} / K)}{1 - t_K}"
    r" \left(L_{\mathrm{cont}} - \mathrm{col}\right)",
    source="Ash, Goel, Krishnamurthy, Misra 2022 (arXiv 2106.09943), "
    "as compared in Bao, Nagano, Nozawa 2022 (arXiv 2110.02501), Figure 1",
    requirements=(SAMPLE, LIMIT, MODERATE_LOGITS, SELF_INCLUDED, CLASS_POSITIVES, BALANCED),
)
def ash_upper(evidence: Evidence) -> Iterator[Finding]:
    """H_m is the m-th harmonic number, t_K = P(a collision), col = E log(1 + collisions); C classes of equal prior.

    By Jensen positives and negatives may be their class means. Draws without a collision then give L_cont - col >=
    (1 - t_K) f(K), with f(m) = E log(1 + sum over m draws among the other classes of e^(t_c - t_y)). f is concave with
    f(0) = 0, and m, the whole part of twice the (C-1) H_{C-1} draws that show them all on average, shows them with
    probability 1/2 or more (Markov): f(K) >= min(1, K / m) f(m) >= min(1, K / m) L_mu / 2.
    """
    classes = evidence.losses.emb.c
    harmonic = sum(1 / m for m in range(1, classes))

    def line(k: int) -> tuple[float, float] | None:
        log_factor = math.log(2 * max(1.0, 2 * (classes - 1) * harmonic / k)) - log_no_collision(classes, k)
        return line_through_collisions(log_factor, collision_loss(classes, k))

    yield from upper_bounds(evidence, line)
