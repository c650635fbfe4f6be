"""Theorem 1 of Jiang et al. 2022, its premise, and the anchors it is about."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from boundcheck.embeddings import EmbeddingSet
from boundcheck.hardening import CONSTANT, denominator
from boundcheck.pools import ALL, SAME
from tests.claims.designs import (
    FAMILIES,
    certain,
    clusters,
    confusable_few,
    evidence_of,
    judged,
    shared_places,
    verdicts,
)
from tests.strategies import embedding_sets


def test_holds_where_assumption_1_holds_everywhere() -> None:
    evidence = evidence_of(clusters(), betas=[1, 2], q=[0.5, 1, math.inf], temperature=1)
    judgements = judged("hscl_le_hucl", evidence)
    assert len(judgements) == 6
    for judgement in judgements:
        assert judgement.verdict == "holds"
        assert judgement.finding is not None and judgement.finding.premise_share == 1
        assert judgement.reason == ""


def test_violated_with_a_failed_premise_does_not_contradict_the_theorem() -> None:
    judgements = judged("hscl_le_hucl", certain(evidence_of(shared_places(200), betas=[1, 2], temperature=1)))
    assert len(judgements) == 2
    for judgement in judgements:
        assert judgement.verdict == "violated"
        assert judgement.finding is not None
        assert judgement.finding.premise_share == 0 and judgement.finding.gap.value < 0
        assert "The premise fails at some anchors, so this does not contradict the theorem." in judgement.reason


def test_may_hold_on_average_though_some_anchors_break_the_premise() -> None:
    evidence = evidence_of(clusters(per_class=60, spread=0.8), betas=[3], temperature=1)
    (judgement,) = judged("hscl_le_hucl", evidence)
    assert judgement.verdict == "holds"
    assert judgement.finding is not None and judgement.finding.premise_share is not None
    assert 0.5 < judgement.finding.premise_share < 1
    assert "The averaged inequality holds although the premise fails at some anchors" in judgement.reason


def test_not_about_finitely_many_negatives() -> None:
    (judgement,) = judged("hscl_le_hucl", evidence_of(clusters(), betas=[1], negatives=4))
    assert judgement.verdict == "inapplicable" and "k = 4" in judgement.reason


def test_inapplicable_where_the_tilt_is_empty_at_every_anchor() -> None:
    evidence = evidence_of(clusters(), betas=[1], hardening=["threshold:1", "exp"])
    empty, exponential = judged("hscl_le_hucl", evidence)
    assert (empty.verdict, empty.reason) == ("inapplicable", "undefined at every anchor")
    assert exponential.verdict == "holds"


def test_applies_to_sampled_anchors() -> None:
    assert verdicts("hscl_le_hucl", evidence_of(clusters(), betas=[1], anchors=30)) == {"holds"}


@pytest.mark.slow
@given(
    embedding_sets(),
    st.sampled_from([0.05, 0.5, 1.0]),
    st.sampled_from(["empirical", "balanced"]),
    st.sampled_from(["exclude", "include"]),
)
def test_at_every_anchor_the_inequality_is_assumption_1(
    emb: EmbeddingSet, temperature: float, prior: str, self_pairs: str
) -> None:
    evidence = evidence_of(
        emb,
        intervals=False,
        temperature=temperature,
        betas=[1, 8],
        hardening=FAMILIES,
        q=[1, math.inf],
        class_prior=prior,
        self_pairs=self_pairs,
    )
    losses = evidence.losses
    for h in losses.variant.hardenings:
        margin = losses.margins[h].margin
        slacks = {
            q: losses.per_anchor(evidence.key("hucl", h, q)) - losses.per_anchor(evidence.key("hscl", h, q))
            for q in evidence.q
        }
        for slack in slacks.values():
            defined = ~torch.isnan(slack) & ~torch.isnan(margin)
            s, m = slack[defined], margin[defined]
            assert (s[m > 1e-5] >= -1e-5).all()
            assert (s[m < -1e-5] <= 1e-5).all()
        # Decoupled, the slack is known: rho_all - rho_diff = log(1 + p (e^m - 1)), p the same-class part of the tilt.
        term = denominator(h)
        p = (losses.table.log_sum(SAME, term) - losses.table.log_sum(ALL, term)).exp()
        expected = torch.log1p(p * torch.expm1(margin))
        slack = slacks[math.inf]
        defined = ~torch.isnan(slack) & ~torch.isnan(margin) & (margin < 50)
        torch.testing.assert_close(slack[defined], expected[defined], atol=1e-5, rtol=1e-5)


def test_share_at_no_tilt_is_the_accuracy_of_a_one_vs_rest_kernel_mean_rule() -> None:
    emb = clusters(per_class=9, spread=1.2, views=2)
    evidence = evidence_of(emb, temperature=0.3, betas=[1])
    right = 0
    for i in range(emb.n):
        for view in range(emb.v):
            mean = {}
            for own in (True, False):
                kernel = [
                    math.exp(float(emb.z[i, view] @ emb.z[j, u]) / 0.3)
                    for j in range(emb.n)
                    for u in range(emb.v)
                    if j != i and (emb.y[j] == emb.y[i]) == own
                ]
                mean[own] = sum(kernel) / len(kernel)
            right += mean[True] >= mean[False]
    assert 0 < right < emb.n * emb.v
    assert evidence.premise(CONSTANT).value == pytest.approx(right / (emb.n * emb.v))


def nearest_neighbour_accuracy(emb: EmbeddingSet) -> float:
    """Leave-one-instance-out 1-NN over views, literally; a tie (to a cosine of 1e-6) counts as right."""
    right, counted = 0, 0
    for i in range(emb.n):
        for view in range(emb.v):
            best = {True: -math.inf, False: -math.inf}
            for j in range(emb.n):
                for u in range(emb.v):
                    if j != i:
                        own = bool(emb.y[j] == emb.y[i])
                        best[own] = max(best[own], float(emb.z[i, view] @ emb.z[j, u]))
            if best[True] > -math.inf:
                counted += 1
                right += best[True] >= best[False] - 1e-6
    return right / counted


def nearest_neighbour_share(emb: EmbeddingSet) -> float:
    frame = evidence_of(emb, betas=[1]).losses.assumption_frame()
    return float(frame[np.isinf(frame.beta)].share_holding.iloc[0])


@pytest.mark.slow
@given(embedding_sets())
def test_share_in_the_limit_is_leave_one_instance_out_nearest_neighbour_accuracy(emb: EmbeddingSet) -> None:
    if emb.class_counts.max() > 1:
        assert nearest_neighbour_share(emb) == pytest.approx(nearest_neighbour_accuracy(emb))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ties_count_as_met_whatever_their_rounding(dtype: str) -> None:
    for seed in range(5):
        point = np.random.default_rng(seed).standard_normal(3).astype(dtype)
        emb = EmbeddingSet(np.tile(point, (13, 2, 1)), np.arange(13) % 3)
        evidence = evidence_of(emb, betas=[1, 5, 50], temperature=0.1)
        assert (evidence.losses.assumption_frame().share_holding == 1).all()
        assert verdicts("hscl_le_hucl", evidence) == {"undecided"}  # of a sample: the encoder has collapsed
        population = evidence_of(emb, betas=[1, 5, 50], temperature=0.1, self_pairs="include")
        assert verdicts("hscl_le_hucl", population) == {"holds"}


def test_losses_defined_at_different_anchors_are_compared_where_both_are() -> None:
    evidence = evidence_of(confusable_few(apart=80, near=24), betas=[], hardening="threshold:0.4", temperature=0.1)
    (h,) = evidence.tilts
    hscl, hucl = evidence.key("hscl", h, 1.0), evidence.key("hucl", h, 1.0)
    losses = evidence.losses
    assert (losses.anchors_used(hscl), losses.anchors_used(hucl)) == (96, 416)
    # Averages over different anchors contradict the theorem although every anchor satisfies it.
    assert losses.loss(hucl).plugin - losses.loss(hscl).plugin < -0.2
    (judgement,) = judged("hscl_le_hucl", evidence)
    finding = judgement.finding
    assert finding is not None and finding.slack is not None
    slack = finding.slack[~torch.isnan(finding.slack)]
    assert (slack > 0).all() and len(slack) == 96
    assert finding.gap.plugin == pytest.approx(float(slack.mean()), abs=1e-6)
    assert finding.rhs - finding.lhs == pytest.approx(finding.gap.value)
    assert finding.premise_share == 1 and finding.gap.se > 0
    assert judgement.verdict == "holds"
    assert "over the 96 anchors at which both losses are defined" in judgement.reason


def test_finitely_many_negatives_at_different_anchors_do_not_compare() -> None:
    """For a claim of one's own, which may look at finite k."""
    evidence = evidence_of(confusable_few(), betas=[], hardening="threshold:0.4", temperature=0.1, negatives=3)
    (h,) = evidence.tilts
    finding = evidence.compare(h, 1.0, evidence.key("hscl", h, 1.0), evidence.key("hucl", h, 1.0))
    assert math.isnan(finding.gap.value) and "defined at different anchors" in finding.note


def test_a_tilt_that_leaves_a_handful_of_instances_decides_nothing() -> None:
    """Intervals of 95 % cover the limit far less often there, always on the side of "holds"."""
    evidence = evidence_of(clusters(per_class=60, spread=0.8), betas=[1, 30])
    soft, hard = judged("hscl_le_hucl", evidence)
    assert soft.verdict == "holds" and soft.reliable
    assert hard.verdict == "undecided" and not hard.reliable
    assert hard.finding is not None and hard.finding.gap.interval(0.95)[0] > 0
    assert "effective instances at an anchor" in hard.reason and "or β = 1, where" in hard.remedy
    assert math.isnan(hard.p_value) and not math.isnan(soft.p_value)
    population = evidence_of(clusters(per_class=60, spread=0.8), betas=[30], self_pairs="include", positives="class")
    assert verdicts("hscl_le_hucl", population) == {"holds"}  # nothing is left to chance
