"""H-SCL bounds the share of anchors at which Assumption 1 fails: the error of a kernel rule.

docs/theory.md, eq. (65).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from boundcheck.claims.base import Evidence, Finding, above_one, claim
from boundcheck.claims.requirements import CLASS_POSITIVES, FINITE_Q, LIMIT, ONE_VIEW, SAMPLE, SELF_EXCLUDED


def price(q: float) -> float:
    """The least H-SCL of an anchor at which Assumption 1 fails, nats: log(1 + Q)."""
    return math.log1p(q)


@claim(
    id="hscl_bounds_kernel_rule",
    title="H-SCL bounds the share of anchors at which Assumption 1 fails",
    statement=r"\mathrm{P}\left(\rho_{\mathrm{same}} < \rho_{\mathrm{diff}}\right)"
    r" \leq L_{\mathrm{HSCL}} / \log(1 + Q)",
    source="derived here; Assumption 1 is that of Jiang, Nguyen, Ishwar, Aeron 2022 (arXiv 2209.00078)",
    kind="exact",
    requirements=(SAMPLE, LIMIT, CLASS_POSITIVES, ONE_VIEW, SELF_EXCLUDED, FINITE_Q),
)
def hscl_bounds_kernel_rule(evidence: Evidence) -> Iterator[Finding]:
    """Jensen over positives: a loss of at least log(1 + Q e^(rho_diff - mean t)), and mean t <= rho_same (Harris)."""
    losses = evidence.losses
    for q in evidence.q:
        for h in () if math.isinf(q) else losses.variant.hardenings:
            loss, margin = losses.per_anchor(evidence.key("hscl", h, q)), losses.margins[h].margin
            fails = torch.where(torch.isnan(margin), 0.0, (margin < 0).to(torch.float64)) * price(q)
            slack = loss - fails
            low = evidence.mean(torch.where(torch.isnan(slack), torch.nan, fails)).value
            margin_of = evidence.mean(slack)
            bound = low + margin_of.value
            yield Finding(
                h.family, h.beta, q, low, bound, margin_of, slack, evidence.share(slack),
                note="lhs is the share times log(1 + Q).", vacuous=above_one(bound, price(q)),
            )  # fmt: skip
