"""Exact: harder exponential tilts give larger losses, up to the worst-case loss."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from boundcheck.embeddings import EmbeddingSet
from boundcheck.hardening import CONSTANT
from tests.claims.designs import clusters, evidence_of, judged, verdicts, with_loss
from tests.oracles.literal import Problem, loss_term, pool, positives
from tests.strategies import embedding_sets


@pytest.mark.slow
@given(embedding_sets(), st.sampled_from([0.01, 0.1, 1.0]), st.sampled_from(["empirical", "balanced"]))
def test_holds_on_every_data_set(emb: EmbeddingSet, temperature: float, prior: str) -> None:
    evidence = evidence_of(
        emb, intervals=False, temperature=temperature, betas=[100, 0.5, 10], q=[0.1, math.inf], class_prior=prior
    )
    judgements = judged("monotone_in_beta", evidence)
    assert [j.finding.beta for j in judgements if j.finding] == [0.5, 10, 100, math.inf] * 2
    assert {judgement.verdict for judgement in judgements} == {"passes"}


def test_a_loss_that_dips_is_caught_in_the_row_of_the_dip() -> None:
    evidence = evidence_of(clusters(), betas=[1, 5])
    for loss in ("hucl", "hscl"):
        key = evidence.key(loss, evidence.exponentials[2], 1.0)
        found = judged("monotone_in_beta", with_loss(evidence, key, -3.0, anchor=3))
        assert [judgement.verdict for judgement in found] == ["passes", "fails", "passes"]


def test_a_loss_above_the_worst_case_is_caught() -> None:
    evidence = evidence_of(clusters(), betas=[1])
    low = {key: values - 2 for key, values in evidence.worst_case.items()}
    found = judged("monotone_in_beta", dataclasses.replace(evidence, worst_case=low))
    assert [judgement.verdict for judgement in found] == ["passes", "fails"]


def test_without_exponential_tilts_the_untilted_loss_is_below_the_worst_case() -> None:
    (judgement,) = judged("monotone_in_beta", evidence_of(clusters(), hardening=["threshold:0.2", "poly:2"]))
    assert judgement.finding is not None
    assert (judgement.finding.hardening, judgement.finding.beta) == ("exp", math.inf)
    assert judgement.verdict == "passes"


def test_holds_with_equality_where_all_logits_agree() -> None:
    emb = EmbeddingSet(torch.ones(6, 2, 3).double(), [0, 0, 0, 1, 1, 1])
    assert verdicts("monotone_in_beta", evidence_of(emb, betas=[1, 50], temperature=0.05)) == {"passes"}


def test_not_about_finitely_many_negatives() -> None:
    (judgement,) = judged("monotone_in_beta", evidence_of(clusters(), betas=[1], negatives=5))
    assert judgement.verdict == "inapplicable"


@pytest.mark.parametrize("mode", ["augmentation", "class"])
def test_the_limit_is_the_loss_at_the_largest_logit(mode: str) -> None:
    emb = clusters(per_class=4, spread=0.8)
    evidence = evidence_of(emb, betas=[2], positives=mode, q=[3.0])
    problem = Problem(emb.z, emb.y)
    for loss, group in (("ucl", "all"), ("scl", "diff")):
        expected = [
            sum(loss_term(3.0, top, problem.logit(a, p)) for p in partners) / len(partners)
            for a in problem.anchors()
            for top in [max(problem.logit(a, b) for b in pool(problem, a, group))]
            for partners in [positives(problem, a, mode)]
        ]
        computed = evidence.worst_case[evidence.key(loss, CONSTANT, 3.0)]
        torch.testing.assert_close(computed, torch.tensor(expected).double(), atol=1e-5, rtol=0)
