"""Harder exponential tilts give larger losses, up to the worst-case loss (Robinson et al. 2021).

docs/theory.md, eq. (29).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import torch

from boundcheck.claims.base import Evidence, Finding, claim, weaker, without_uncertainty
from boundcheck.claims.requirements import LIMIT
from boundcheck.estimators.anchor_losses import weighted_mean
from boundcheck.hardening import CONSTANT, Hardening


@claim(
    id="monotone_in_beta",
    title="H-UCL and H-SCL do not decrease in beta, up to the worst-case loss",
    statement=r"\beta \leq \beta' \Rightarrow L_{H}(\beta) \leq L_{H}(\beta') \leq L_{H}(\infty)",
    source="Robinson, Chuang, Sra, Jegelka 2021 (arXiv 2010.04592); convexity of the cumulant function",
    kind="exact",
    requirements=(LIMIT,),
)
def monotone_in_beta(evidence: Evidence) -> Iterator[Finding]:
    """rho(beta) = K(1 + beta) - K(beta) and K is convex.

    Each row compares a tilt with the next softer one; the row beta = inf the hardest tilt with the worst case, plug-in.
    """
    computed = {loss.id for loss in evidence.losses.variant.losses}
    losses = [loss for loss in ("hucl", "hscl") if {loss, loss[1:]} <= computed]  # the untilted one is the softest
    for q in evidence.q if losses else ():
        for softer, harder in pairwise(evidence.exponentials):
            yield weaker(
                {
                    loss: evidence.compare(harder, q, evidence.key(loss, softer, q), evidence.key(loss, harder, q))
                    for loss in losses
                }
            )
        hardest = evidence.exponentials[-1]
        yield weaker({loss: _limit(evidence, loss, hardest, q) for loss in losses})


def _limit(evidence: Evidence, loss: str, hardest: Hardening, q: float) -> Finding:
    """The hardest tilt against the worst-case loss, where rho is the largest logit."""
    key = evidence.key(loss, hardest, q)
    lhs = evidence.losses.per_anchor(key)
    rhs = evidence.at_worst(evidence.key(loss, CONSTANT, q))
    slack = rhs - lhs
    weight = torch.where(torch.isnan(slack), 0.0, evidence.losses.weight)[:, None]
    low, high = (float(weighted_mean(values[:, None], weight)) for values in (lhs, rhs))
    gap = without_uncertainty(high - low)
    return Finding("exp", math.inf, q, low, high, gap, slack, evidence.share(slack), between=(key,))
