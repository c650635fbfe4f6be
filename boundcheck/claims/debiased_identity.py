"""Chuang et al. 2020: the debiased combination of all and same-class means is the other-class mean.

docs/theory.md, eq. (22).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from boundcheck.claims.base import Evidence, Finding, claim, without_uncertainty
from boundcheck.claims.requirements import LABELS
from boundcheck.hardening import CONSTANT, LogTerm
from boundcheck.pools import ALL, DIFF, SAME


@claim(
    id="debiased_identity",
    title="Removing the same-class part from the mean over all negatives leaves the other-class mean",
    statement=r"\frac{e^{K_{\mathrm{all}}} - \pi\, e^{K_{\mathrm{same}}}}{1 - \pi} = e^{K_{\mathrm{diff}}}",
    source="Chuang, Robinson, Lin, Torralba, Jegelka 2020 (arXiv 2007.00224), Eq. 2-3; pi the pool's share of same",
    kind="exact",
    requirements=(LABELS,),
)
def debiased_identity(evidence: Evidence) -> Iterator[Finding]:
    """Multiplied out, pi e^{K_same} + (1 - pi) e^{K_diff} = e^{K_all}: the difference cancels where same dominates."""
    table = evidence.losses.table
    one = LogTerm(0.0)
    log_pi = table.log_sum(SAME, one) - table.log_sum(ALL, one)
    same, diff, everything = (table.rho(pool, CONSTANT) for pool in (SAME, DIFF, ALL))
    same_part = torch.where(log_pi == -torch.inf, -torch.inf, log_pi + same)  # no partner, no part
    mixture = torch.logaddexp(same_part, torch.log1p(-log_pi.exp().clamp_max(1)) + diff)
    error = (mixture - everything).abs()
    yield Finding(
        None,
        None,
        None,
        float(mixture.mean()),
        float(everything.mean()),
        without_uncertainty(-float(error.mean())),
        -error,
        evidence.share(-error),
        note="lhs is the log of the mixture pi e^{K_same} + (1 - pi) e^{K_diff}, rhs K_all, means over anchors.",
    )
