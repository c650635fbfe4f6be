"""How far k negatives are from infinitely many: at most a constant over k.

docs/theory.md, eq. (64).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from boundcheck.claims.base import Evidence, Finding, claim, weaker, without_uncertainty
from boundcheck.claims.requirements import LIMIT, MODERATE_LOGITS, SAMPLE, UNIT_NORM
from boundcheck.estimators.finite import DEFAULT_KS
from boundcheck.hardening import Hardening


def gap_bound(temperature: float, k: int) -> float:
    """min(2 / tau, (e^(1/tau) - 1)^2 / k), nats."""
    log_bound = 2 * (1 / temperature + math.log1p(-math.exp(-1 / temperature))) - math.log(k)
    return min(2 / temperature, math.exp(min(log_bound, 700.0)))


@claim(
    id="finite_k_rate",
    title="The loss at k negatives is within a constant over k of its limit",
    statement=r"L^{(\infty)} - L^{(k)} \leq \min\left(\frac2\tau, \frac{(e^{1/\tau} - 1)^2}{k}\right)",
    source="derived here; sharpens the rate k^{-1/2} of Wang and Isola 2020 (arXiv 2005.10242), Theorem 1",
    kind="exact",
    requirements=(SAMPLE, LIMIT, MODERATE_LOGITS, UNIT_NORM),
)
def finite_k_rate(evidence: Evidence) -> Iterator[Finding]:
    """With y = (1 + Q s_k) / (1 + Q s) of mean 1, s_k the mean of k terms e^(t - t_p) in [m, M]: -log y <= 1/y - 1.

    So the gap is at most E (y - 1)^2 / y <= Var(s_1) / (k s m) <= (M - s)(s - m) / (k s m) <= (sqrt(M/m) - 1)^2 / k,
    and M / m = e^(2/tau) on the sphere. Each row is one k of 1, 10, ..., 10^5.
    """
    for q in evidence.q:
        for h in evidence.losses.variant.hardenings:
            for k in DEFAULT_KS:
                yield weaker({loss: _row(evidence, loss, h, q, k) for loss in ("hucl", "hscl")})


def _row(evidence: Evidence, loss: str, h: Hardening, q: float, k: int) -> Finding:
    finite, key = evidence.finite(DEFAULT_KS), evidence.key(loss, h, q)
    bound = gap_bound(evidence.losses.variant.temperature, k)
    slack = bound + finite.tables[k].per_anchor(key) - finite.limit.per_anchor(key)
    gap = finite.limit.loss(key).plugin - finite.tables[k].loss(key).plugin
    share = evidence.share(slack, finite.limit)
    note = f"k = {k}; lhs is the gap; on a sample of {finite.limit.emb.n} instances."
    return Finding(h.family, h.beta, q, gap, bound, without_uncertainty(bound - gap), slack, share, note=note)
