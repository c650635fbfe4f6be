"""Tilting never lowers the loss (Jiang et al. 2024): H-SCL is at least SCL, anchor by anchor.

docs/theory.md, eq. (28).
"""

from __future__ import annotations

from collections.abc import Iterator

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.requirements import LIMIT
from boundcheck.hardening import CONSTANT


@claim(
    id="hscl_ge_scl",
    title="H-SCL is at least SCL",
    statement=r"L_{\mathrm{HSCL}} \geq L_{\mathrm{SCL}}",
    source="Jiang, Nguyen, Ishwar, Aeron 2024 (arXiv 2311.05139); the Harris/Chebyshev association inequality",
    kind="exact",
    requirements=(LIMIT,),
)
def hscl_ge_scl(evidence: Evidence) -> Iterator[Finding]:
    """eta and e^t both increase in t, so under any weights they are positively associated: rho(eta) >= rho(1)."""
    for q in evidence.q:
        for h in evidence.tilts:
            yield evidence.compare(h, q, evidence.key("scl", CONSTANT, q), evidence.key("hscl", h, q))
