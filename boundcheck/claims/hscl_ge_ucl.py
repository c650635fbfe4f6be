"""The scenario of Jiang et al. 2022: with a hard enough tilt, UCL bounds H-SCL from below.

docs/theory.md, eq. (30).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.requirements import LIMIT
from boundcheck.hardening import CONSTANT, Exponential, Hardening
from boundcheck.inference.intervals import Estimate, Share
from boundcheck.losses import LossKey


@claim(
    id="hscl_ge_ucl",
    title="H-SCL is at least UCL, once the tilt is hard enough",
    statement=r"L_{\mathrm{HSCL}} \geq L_{\mathrm{UCL}}",
    source='Jiang, Nguyen, Ishwar, Aeron 2022 (arXiv 2209.00078), the "plausible scenario" of the abstract',
    kind="scenario",
    premise="the tilt reaches the anchor's critical hardness (ρ_diff ≥ K_all(1))",
    requirements=(LIMIT,),
)
def hscl_ge_ucl(evidence: Evidence) -> Iterator[Finding]:
    """At an anchor the inequality is rho_diff(eta) >= K_all(1): beta >= beta*(a)."""
    for q in evidence.q:
        ucl = evidence.key("ucl", CONSTANT, q)
        for h in evidence.tilts:
            finding = evidence.compare(h, q, ucl, evidence.key("hscl", h, q))
            note = " ".join(part for part in (finding.note, _crossing(evidence, q)) if part)
            at_least = _softer(evidence, q, h)
            share = _of_pools_too(evidence, h, finding.share)
            yield replace(
                finding, share=share, premise=share, premise_slack=finding.slack, note=note, at_least=at_least
            )


def _of_pools_too(evidence: Evidence, hardening: Hardening, share: Share | None) -> Share | None:
    """The share with what its anchors owe to their pools, which are samples as well, in its standard error."""
    influence = evidence.losses.reached.get(hardening)
    if share is None or influence is None:
        return share
    return share.with_pools(*evidence.losses.spread(influence))


def _softer(evidence: Evidence, q: float, hardening: Hardening) -> tuple[Estimate, tuple[LossKey, ...], str] | None:
    """The gap at the hardest softer tilt that can be relied on: H-SCL does not decrease in β."""
    if not isinstance(hardening, Exponential):
        return None
    ucl = evidence.key("ucl", CONSTANT, q)
    for h in reversed(evidence.exponentials[1:]):
        between = ucl, evidence.key("hscl", h, q)
        if isinstance(h, Exponential) and h.beta < hardening.beta and evidence.losses.doubt(between) is None:
            why = f"At {h.label} H-SCL is above UCL, and H-SCL does not decrease in β."
            return evidence.losses.gap(between[1], ucl), between, why
    return None


def _crossing(evidence: Evidence, q: float) -> str:
    """Where the estimates cross, for exponential tilts; not where nothing is concluded from them."""
    beta = evidence.crossing.get(q)
    if beta is None or evidence.losses.doubt(()) is not None:
        return ""
    if beta == 0:
        return "The estimate of SCL is not below that of UCL: they need no tilt to cross."
    if math.isinf(beta):
        return "The estimates cross at no exponential tilt."
    return f"With exponential tilts the estimates cross at β = {beta:.3g}."
