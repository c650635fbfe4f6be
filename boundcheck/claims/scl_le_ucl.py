"""Theorem 1 of Jiang et al. 2022 without a tilt: under Assumption 1 at eta = 1, UCL bounds SCL from above.

docs/theory.md, eq. (26).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.requirements import LIMIT
from boundcheck.hardening import CONSTANT


@claim(
    id="scl_le_ucl",
    title="SCL is at most UCL",
    statement=r"L_{\mathrm{SCL}} \leq L_{\mathrm{UCL}}",
    source="Jiang, Nguyen, Ishwar, Aeron 2022 (arXiv 2209.00078), Theorem 1 with η = 1",
    premise="Assumption 1 at η = 1",
    requirements=(LIMIT,),
)
def scl_le_ucl(evidence: Evidence) -> Iterator[Finding]:
    """The same convexity as `hscl_le_hucl`, for plain means."""
    for q in evidence.q:
        lhs, rhs = evidence.key("scl", CONSTANT, q), evidence.key("ucl", CONSTANT, q)
        finding = evidence.compare(CONSTANT, q, lhs, rhs, premise=evidence.premise(CONSTANT))
        margins = evidence.losses.margins[CONSTANT]
        yield replace(finding, share=margins.share, premise_slack=margins.margin)
