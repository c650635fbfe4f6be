"""UCL from below by two numbers: the mean similarities of positives and of negatives.

docs/theory.md, eq. (67).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from boundcheck.claims.base import Evidence, Finding, claim, less_constant
from boundcheck.claims.requirements import EMPIRICAL_PRIOR, EVERY_ANCHOR, LIMIT, SAMPLE, SELF_EXCLUDED


def least(gap: float, temperature: float, q: float) -> float:
    """log(1 + Q e^(gap / tau)), nats, gap = E s_- - E s_+; Q = inf is the decoupled loss."""
    x = gap / temperature
    return x if math.isinf(q) else float(np.logaddexp(0.0, x + math.log(q)))


@claim(
    id="ucl_ge_similarity_gap",
    title="UCL and H-UCL are at least what the mean similarities of positives and negatives leave",
    statement=r"L_{\mathrm{UCL}}, L_{\mathrm{HUCL}} \geq \log\left(1 + Q\, e^{(\mathrm{E}\,s_- - \mathrm{E}\,s_+)/\tau}"
    r"\right)",
    source="Jensen's inequality, twice; the gap is that of arXiv 2506.09781",
    requirements=(SAMPLE, LIMIT, EMPIRICAL_PRIOR, SELF_EXCLUDED, EVERY_ANCHOR),
)
def ucl_ge_similarity_gap(evidence: Evidence) -> Iterator[Finding]:
    """The log of a mean of e^t is at least the mean of t, and softplus is convex; true of every finite set."""
    variant = evidence.losses.variant
    gap = evidence.mean(evidence.negative_similarity() - evidence.positive_similarity()).value
    for q in evidence.q:
        bound = least(gap, variant.temperature, q)
        for h in variant.hardenings:
            key = evidence.key("hucl", h, q)
            estimate = evidence.losses.loss(key)
            yield Finding(h.family, h.beta, q, bound, estimate.value, less_constant(estimate, bound), between=(key,))
