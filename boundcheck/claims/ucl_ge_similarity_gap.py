"""UCL from below by two numbers: the mean similarities of positives and of negatives.

docs/theory.md, eq. (67).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from scipy.special import expit

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.floors import loss_at
from boundcheck.claims.requirements import EMPIRICAL_PRIOR, EVERY_ANCHOR, LIMIT, SAMPLE, SELF_EXCLUDED


def least(gap: float, temperature: float, q: float) -> float:
    """log(1 + Q e^(gap / tau)), nats, gap = E s_- - E s_+; Q = inf is the decoupled loss."""
    return loss_at(gap / temperature, q)


def _slope(gap: float, temperature: float, q: float) -> float:
    """Of `least` in the gap."""
    return (1.0 if math.isinf(q) else float(expit(gap / temperature + math.log(q)))) / temperature


@claim(
    id="ucl_ge_similarity_gap",
    title="UCL and H-UCL are at least what the mean similarities of positives and negatives leave",
    statement=r"L_{\mathrm{UCL}}, L_{\mathrm{HUCL}} \geq \log\left(1 + Q\, e^{(\mathrm{E}\,s_- - \mathrm{E}\,s_+)/\tau}"
    r"\right)",
    source="Jensen's inequality, twice; the gap is that of arXiv 2506.09781",
    requirements=(SAMPLE, LIMIT, EMPIRICAL_PRIOR, SELF_EXCLUDED, EVERY_ANCHOR),
)
def ucl_ge_similarity_gap(evidence: Evidence) -> Iterator[Finding]:
    """The log of a mean of e^t is at least the mean of t, and softplus is convex; true of every finite set.

    The bound is a statistic of the sample too, and the interval is that of the difference.
    """
    losses, variant = evidence.losses, evidence.losses.variant
    gap, influence = evidence.similarity_gap
    for q in evidence.q:
        bound, slope = least(gap.value, variant.temperature, q), _slope(gap.value, variant.temperature, q)
        for h in variant.hardenings:
            key = evidence.key("hucl", h, q)
            found = losses.less(key, bound, slope * influence)
            yield Finding(h.family, h.beta, q, bound, losses.loss(key).value, found, between=(key,))
