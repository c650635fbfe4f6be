"""Theorem 1 of Jiang, Nguyen, Ishwar, Aeron 2022: under Assumption 1 the label-free H-UCL bounds H-SCL from above.

docs/theory.md, eq. (25).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.requirements import LIMIT


@claim(
    id="hscl_le_hucl",
    title="H-SCL is at most H-UCL",
    statement=r"L_{\mathrm{HSCL}} \leq L_{\mathrm{HUCL}}",
    source="Jiang, Nguyen, Ishwar, Aeron 2022 (arXiv 2209.00078), Theorem 1",
    premise="Assumption 1 (ρ_same ≥ ρ_diff)",
    requirements=(LIMIT,),
)
def hscl_le_hucl(evidence: Evidence) -> Iterator[Finding]:
    """rho_all lies between rho_same and rho_diff, so at an anchor the inequality is Assumption 1 itself."""
    for q in evidence.q:
        for h in evidence.tilts:
            lhs, rhs = evidence.key("hscl", h, q), evidence.key("hucl", h, q)
            finding = evidence.compare(h, q, lhs, rhs, premise=evidence.premise(h))
            margins = evidence.losses.margins[h]
            yield replace(finding, share=margins.share, premise_slack=margins.margin)
