"""Positives cannot be nearer than negatives by more than the number of instances allows.

docs/theory.md, eq. (68).
"""

from __future__ import annotations

from collections.abc import Iterator

from boundcheck.claims.base import Evidence, Finding, claim, less_constant
from boundcheck.claims.requirements import AUGMENTATION, EMPIRICAL_PRIOR, EVERY_ANCHOR, SAMPLE, UNIT_NORM


def largest_gap(instances: int) -> float:
    """1 + 1 / (n - 1)."""
    return 1 + 1 / (instances - 1)


@claim(
    id="positives_exceed_negatives",
    title="Mean positive less mean negative similarity is at most n / (n − 1)",
    statement=r"\mathrm{E}\,s_+ \leq 1 + \mathrm{E}\,s_- + \frac{1}{n - 1}",
    source="arXiv 2506.09781, Theorem 5.2; derived here for any number of views and all pairs of them",
    requirements=(SAMPLE, UNIT_NORM, AUGMENTATION, EMPIRICAL_PRIOR, EVERY_ANCHOR),
    unit="cosine",
)
def positives_exceed_negatives(evidence: Evidence) -> Iterator[Finding]:
    """|sum of all views|^2 >= 0, and s_+ <= 1; true of every finite set."""
    positive, negative = evidence.positive_similarity, evidence.negative_similarity
    bound = largest_gap(evidence.losses.emb.n)
    gap = less_constant(evidence.similarity_gap[0], -bound)
    low = evidence.mean(positive).value
    yield Finding(None, None, None, low, low + gap.value, gap, bound + negative - positive)
