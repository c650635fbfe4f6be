"""UCL with views as positives is least where the instances are a simplex.

docs/theory.md, eq. (69).
"""

from __future__ import annotations

from collections.abc import Iterator

from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.floors import floors
from boundcheck.claims.requirements import (
    AUGMENTATION,
    EMPIRICAL_PRIOR,
    EVERY_ANCHOR,
    LIMIT,
    SAMPLE,
    SELF_EXCLUDED,
    UNIT_NORM,
)
from boundcheck.claims.scl_ge_collapse import collapse_loss


def floor(instances: int, temperature: float, q: float) -> float:
    """log(1 + Q e^(-n / ((n-1) tau))), nats: neural collapse with every instance its own class."""
    return collapse_loss(instances, temperature, q)


@claim(
    id="ucl_ge_instances",
    title="UCL and H-UCL are at least their value where the instances are a simplex",
    statement=r"L_{\mathrm{UCL}}, L_{\mathrm{HUCL}} \geq \log\left(1 + Q\, e^{-n/((n-1)\tau)}\right)",
    source="after Graf, Hofer, Niethammer, Kwitt 2021 (arXiv 2102.08817), who treat SupCon's batches; derived here from"
    " `ucl_ge_similarity_gap` and `positives_exceed_negatives`",
    requirements=(SAMPLE, LIMIT, UNIT_NORM, AUGMENTATION, EMPIRICAL_PRIOR, SELF_EXCLUDED, EVERY_ANCHOR),
)
def ucl_ge_instances(evidence: Evidence) -> Iterator[Finding]:
    """Equality where all views of an instance agree and the n instances are a simplex, which needs d >= n - 1."""
    instances, temperature = evidence.losses.emb.n, evidence.losses.variant.temperature
    yield from floors(evidence, "hucl", lambda q: floor(instances, temperature, q))
