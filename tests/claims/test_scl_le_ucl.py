"""Theorem 1 of Jiang et al. 2022 without a tilt."""

from __future__ import annotations

from tests.claims.designs import certain, clusters, evidence_of, judged, shared_places


def test_holds_where_assumption_1_holds() -> None:
    (judgement,) = judged("scl_le_ucl", certain(evidence_of(clusters(), betas=[1, 5])))
    assert judgement.verdict == "holds"
    assert judgement.finding is not None and judgement.finding.premise_share == 1
    assert (judgement.finding.hardening, judgement.finding.beta) == ("constant", None)
    assert judgement.claim.premise == "Assumption 1 at η = 1" and judgement.reason == ""


def test_violated_where_assumption_1_fails() -> None:
    (judgement,) = judged("scl_le_ucl", evidence_of(shared_places(), betas=[1]))
    assert judgement.verdict == "violated"
    assert "The premise fails at some anchors, so this does not contradict the theorem." in judgement.reason


def test_not_about_finitely_many_negatives() -> None:
    (judgement,) = judged("scl_le_ucl", evidence_of(clusters(), betas=[1], negatives=2))
    assert judgement.verdict == "inapplicable" and "k = 2" in judgement.reason


def test_one_row_for_each_q_and_none_for_tilts() -> None:
    judgements = judged("scl_le_ucl", evidence_of(clusters(), betas=[1, 5], q=[1, 4], hardening=["exp", "poly:2"]))
    assert [judgement.finding.q for judgement in judgements if judgement.finding] == [1, 4]


def test_an_equality_by_construction_says_nothing_where_every_class_has_one_instance() -> None:
    evidence = evidence_of(clusters(per_class=1, classes=25), betas=[1])
    (judgement,) = judged("scl_le_ucl", evidence)
    assert judgement.verdict == "undecided" and "Every instance is a class of its own" in judgement.reason
    assert judgement.finding is not None and judgement.finding.gap.value == 0
