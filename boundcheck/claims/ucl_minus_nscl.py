"""Luthra, Yang, Galanti 2025: dropping same-class negatives changes the decoupled loss by a bounded amount.

docs/theory.md, eq. (34).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from boundcheck.claims.base import Evidence, Finding, claim, without_uncertainty
from boundcheck.claims.requirements import EMPIRICAL_PRIOR, LABELS, SELF_EXCLUDED, UNIT_NORM
from boundcheck.hardening import LogTerm
from boundcheck.pools import ALL, DIFF


@claim(
    id="ucl_minus_nscl",
    title="The decoupled UCL exceeds its negatives-only-supervised version by a bounded amount",
    statement=r"0 \leq \log\sum_{\mathrm{all}} e^{t} - \log\sum_{\mathrm{diff}} e^{t}"
    r" \leq \log\left(1 + \frac{n_{\max}\, e^{2/\tau}}{N - n_{\max}}\right)",
    source="Luthra, Yang, Galanti 2025 (arXiv 2506.04411), Theorem 1, there with tau = 1",
    kind="exact",
    requirements=(LABELS, UNIT_NORM, EMPIRICAL_PRIOR, SELF_EXCLUDED),
)
def ucl_minus_nscl(evidence: Evidence) -> Iterator[Finding]:
    """Sums over views, not means; n_max views in the largest class, N views in all."""
    emb, table = evidence.losses.emb, evidence.losses.table
    views, largest = emb.n * emb.v, int(emb.class_counts.max()) * emb.v
    log_ratio = math.log(largest) + 2 / evidence.losses.variant.temperature - math.log(views - largest)
    bound = max(log_ratio, 0.0) + math.log1p(math.exp(-abs(log_ratio)))
    gap = table.log_sum(ALL, LogTerm(1.0)) - table.log_sum(DIFF, LogTerm(1.0))
    slack = torch.minimum(gap, bound - gap)
    mean = float(gap.mean())
    yield Finding(
        None,
        None,
        None,
        mean,
        bound,
        without_uncertainty(bound - mean),
        slack,
        evidence.share(slack),
        note="lhs is the mean difference over anchors; slack counts both bounds.",
    )
