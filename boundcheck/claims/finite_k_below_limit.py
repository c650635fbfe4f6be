"""More negatives never lower the loss: the limit is its supremum over k.

docs/theory.md, eq. (16).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from boundcheck.claims.base import Evidence, Finding, claim, weaker, without_uncertainty
from boundcheck.claims.requirements import LIMIT, MODERATE_LOGITS, SAMPLE
from boundcheck.estimators.finite import DEFAULT_KS, FiniteLosses
from boundcheck.losses import LossKey


@claim(
    id="finite_k_below_limit",
    title="The loss at k negatives does not decrease in k and stays below the limit",
    statement=r"k \leq k' \Rightarrow L^{(k)} \leq L^{(k')} \leq L^{(\infty)}",
    source="Jensen's inequality; the limit: Wang and Isola 2020 (arXiv 2005.10242), Theorem 1",
    kind="exact",
    requirements=(SAMPLE, LIMIT, MODERATE_LOGITS),
)
def finite_k_below_limit(evidence: Evidence) -> Iterator[Finding]:
    """log(1 + c x) is concave, and a mean of k' draws is a mean of means of k of them.

    Each row compares L^(1) with the limit; the slack is the least step along k = 1, 10, ..., 10^5, limit.
    """
    finite = evidence.finite(DEFAULT_KS)
    for q in evidence.q:
        for h in evidence.losses.variant.hardenings:
            yield weaker({loss: _path(evidence, finite, evidence.key(loss, h, q)) for loss in ("hucl", "hscl")})


def _path(evidence: Evidence, finite: FiniteLosses, key: LossKey) -> Finding:
    """From one negative to the limit."""
    steps = [table.per_anchor(key) for table in (*finite.tables.values(), finite.limit)]
    slack = torch.stack(steps).diff(dim=0).amin(0)
    low, high = finite.tables[finite.ks[0]].loss(key).plugin, finite.limit.loss(key).plugin
    return Finding(
        key.hardening.family,
        key.hardening.beta,
        key.q,
        low,
        high,
        without_uncertainty(high - low),
        slack,
        evidence.share(slack, finite.limit),
        note=f"On a sample of {finite.limit.emb.n} instances.",
    )
