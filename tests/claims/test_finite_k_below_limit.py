"""Exact: the loss at k negatives does not decrease in k and stays below its limit (Jensen)."""

from __future__ import annotations

import dataclasses

import pytest

from boundcheck.claims import Evidence
from boundcheck.estimators import DEFAULT_KS
from tests.claims.designs import clusters, confusable_few, evidence_of, judged, polygon
from tests.oracles.closed_forms import collapsed


@pytest.mark.parametrize("positives", ["augmentation", "class"])
def test_holds_at_every_anchor_and_hardness(positives: str) -> None:
    judgements = judged(
        "finite_k_below_limit", evidence_of(confusable_few(), betas=[1, 20], q=[1, 5], positives=positives)
    )
    assert len(judgements) == 6 and {j.verdict for j in judgements} == {"holds"}
    for judgement in judgements:
        finding = judgement.finding
        assert finding is not None and finding.slack is not None and finding.rhs > finding.lhs - 5e-6
        assert float(finding.slack.min()) > -5e-6  # of the tolerance, the quadrature uses little


def test_one_logit_alone_leaves_nothing_to_draw() -> None:
    """At neural collapse every negative of SCL is alike: one is as good as infinitely many."""
    from boundcheck.embeddings import EmbeddingSet

    evidence = evidence_of(EmbeddingSet(*collapsed(3, 6, 2)), betas=[2])
    finite = evidence.finite(DEFAULT_KS)
    for loss in ("scl", "hscl"):
        key = next(key for key in finite.limit.keys if key.loss.id == loss)
        assert finite.k_epsilon(key, 1e-4) == 1
        assert finite.tables[1].loss(key).plugin == pytest.approx(finite.limit.loss(key).plugin, abs=3e-6)


def test_a_limit_that_is_too_low_is_caught() -> None:
    evidence = evidence_of(clusters(), betas=[1])

    def broken(ks: tuple[int, ...]) -> object:
        finite = evidence.finite(ks)
        losses = dataclasses.replace(finite.limit.losses, value=finite.limit.losses.value - 1e-3)
        return dataclasses.replace(finite, limit=dataclasses.replace(finite.limit, losses=losses))

    judgements = judged("finite_k_below_limit", dataclasses.replace(evidence, finite=broken))
    assert {j.verdict for j in judgements} == {"violated"}


def test_needs_the_limit() -> None:
    (judgement,) = judged("finite_k_below_limit", evidence_of(polygon(), betas=[1], negatives=5))
    assert judgement.verdict == "inapplicable" and "k = 5" in judgement.reason


def test_large_sets_are_checked_on_some_instances_with_their_partners() -> None:
    whole: Evidence = evidence_of(clusters(per_class=120), betas=[1], intervals=False)
    few = whole.finite((1, 10)).limit
    assert 128 <= few.emb.n <= 256 and set(few.emb.ids) < set(whole.losses.emb.ids)
    assert few.emb.c == 3 and few.emb.class_counts.min() >= 2
    assert len(few.table.anchors) == few.emb.n * few.emb.v
    small = evidence_of(clusters(per_class=4), betas=[1], intervals=False)
    assert len(small.finite((1,)).limit.table.anchors) == 24
