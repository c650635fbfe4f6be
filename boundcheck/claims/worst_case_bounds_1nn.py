"""The worst-case loss bounds the error of the nearest neighbour.

docs/theory.md, eq. (66).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from boundcheck.claims.base import Evidence, Finding, above_one, claim
from boundcheck.claims.requirements import CLASS_POSITIVES, FINITE_Q, LIMIT, ONE_VIEW, SAMPLE, SELF_EXCLUDED
from boundcheck.hardening import CONSTANT
from boundcheck.pools import DIFF, SAME


def price(q: float) -> float:
    """The least worst-case loss of an anchor that its nearest neighbour misclassifies, nats: log(1 + Q)."""
    return math.log1p(q)


@claim(
    id="worst_case_bounds_1nn",
    title="The worst-case SCL bounds the leave-one-out error of the nearest neighbour",
    statement=r"\operatorname{err}_{1\mathrm{NN}} \leq L_{\mathrm{HSCL}}(\infty) / \log(1 + Q)",
    source="after Robinson, Chuang, Sra, Jegelka 2021 (arXiv 2010.04592), worst-case negatives; derived here",
    kind="exact",
    requirements=(SAMPLE, LIMIT, CLASS_POSITIVES, ONE_VIEW, SELF_EXCLUDED, FINITE_Q),
)
def worst_case_bounds_1nn(evidence: Evidence) -> Iterator[Finding]:
    """Where another class is nearer than all positives, each of them costs at least log(1 + Q)."""
    table = evidence.losses.table
    margin = table.largest_logit(SAME) - table.largest_logit(DIFF)
    wrong = (margin < 0).to(torch.float64)
    for q in evidence.q:
        if math.isinf(q):
            continue
        worst = evidence.at_worst(evidence.key("scl", CONSTANT, q))
        slack = worst - price(q) * wrong
        low, high = evidence.mean(torch.where(torch.isnan(slack), torch.nan, price(q) * wrong)), evidence.mean(worst)
        note = "lhs is the error times log(1 + Q)."
        yield Finding(
            "exp", math.inf, q, low.value, high.value, evidence.mean(slack), slack, evidence.share(slack), note=note,
            vacuous=above_one(high.value, price(q)),
        )  # fmt: skip
