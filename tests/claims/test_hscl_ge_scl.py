"""Exact: H-SCL is at least SCL at every anchor, under any hardening and any weights."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boundcheck.embeddings import EmbeddingSet
from tests.claims.designs import FAMILIES, clusters, evidence_of, judged, verdicts, with_loss
from tests.strategies import embedding_sets


@pytest.mark.slow
@given(
    embedding_sets(),
    st.sampled_from([0.01, 0.1, 1.0]),
    st.sampled_from(["empirical", "balanced"]),
    st.sampled_from(["exclude", "include"]),
)
def test_holds_on_every_data_set(emb: EmbeddingSet, temperature: float, prior: str, self_pairs: str) -> None:
    evidence = evidence_of(
        emb,
        intervals=False,
        temperature=temperature,
        betas=[0.5, 10],
        hardening=FAMILIES,
        q=[1, math.inf],
        class_prior=prior,
        self_pairs=self_pairs,
    )
    judgements = judged("hscl_ge_scl", evidence)
    assert len(judgements) == 8
    for judgement in judgements:
        assert judgement.verdict in ("passes", "inapplicable")
        assert judgement.verdict == "passes" or judgement.reason == "undefined at every anchor"


@pytest.mark.parametrize("family", ["exp", "poly:2"])
def test_one_wrong_anchor_is_caught(family: str) -> None:
    evidence = evidence_of(clusters(), betas=[1], hardening=family)
    (h,) = evidence.tilts
    wrong = with_loss(evidence, evidence.key("hscl", h, 1.0), -5.0, anchor=7)
    (judgement,) = judged("hscl_ge_scl", wrong)
    assert judgement.verdict == "fails"
    assert "error in the program or its precision" in judgement.reason


def test_rounding_is_not_a_violation() -> None:
    evidence = evidence_of(clusters(spread=0.0), betas=[1])  # collapsed classes: SCL meets H-SCL
    (h,) = evidence.tilts
    nudged = with_loss(evidence, evidence.key("scl", h, 1.0), evidence.losses.rounding / 2)
    assert verdicts("hscl_ge_scl", nudged) == {"passes"}
    nudged = with_loss(evidence, evidence.key("scl", h, 1.0), 2 * evidence.losses.rounding)
    assert verdicts("hscl_ge_scl", nudged) == {"fails"}


def test_not_about_finitely_many_negatives() -> None:
    (judgement,) = judged("hscl_ge_scl", evidence_of(clusters(), betas=[1], negatives=5))
    assert judgement.verdict == "inapplicable" and "k = 5" in judgement.reason


def test_holds_for_sampled_anchors() -> None:
    assert verdicts("hscl_ge_scl", evidence_of(clusters(), betas=[1, 5], anchors=20)) == {"passes"}
