"""The plausible scenario: hard enough tilts lift H-SCL above UCL, at a known hardness on a designed data set."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from boundcheck.claims import CLAIMS, Evidence
from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators import pair_plan, parse_population
from boundcheck.pairwise.critical import critical_betas
from boundcheck.pairwise.passes import run_one
from boundcheck.spec import Execution
from tests.claims.designs import certain, clusters, evidence_of, judged, polygon, shared_places
from tests.oracles.closed_forms import collapsed

CLASSES, PER_CLASS, TAU = 12, 8, 0.5


def polygon_crossing() -> float:
    """beta with rho_diff(beta) = K_all(1) on `polygon`, from its logits."""
    t = np.cos(2 * np.pi * np.arange(1, CLASSES) / CLASSES) / TAU
    same, diff = (PER_CLASS - 1) * math.exp(1 / TAU), PER_CLASS * np.exp(t).sum()
    target = math.log((same + diff) / (CLASSES * PER_CLASS - 1))
    return float(brentq(lambda b: math.log(np.exp((1 + b) * t).sum() / np.exp(b * t).sum()) - target, 0, 100))


def critical_betas_of(evidence: Evidence) -> torch.Tensor:
    losses = evidence.losses
    plan = pair_plan(losses.emb, losses.variant, Execution(device="cpu"))
    betas = [h.beta for h in evidence.tilts if h.beta is not None]
    return run_one(plan, critical_betas(plan, losses.table, betas))


def test_crosses_where_it_must() -> None:
    known = polygon_crossing()
    assert 0.1 < known < 10
    evidence = evidence_of(
        polygon(), crossing=True, temperature=TAU, betas=[known / 2, known * 2], q=[0.5, 1, math.inf]
    )
    for q in evidence.q:
        assert evidence.crossing[q] == pytest.approx(known, abs=2e-3)
    stars = critical_betas_of(evidence)
    torch.testing.assert_close(stars, torch.full_like(stars, known), atol=2e-3, rtol=0)
    below, above = judged("hscl_ge_ucl", certain(evidence))[:2]
    assert (below.verdict, above.verdict) == ("does not occur", "occurs")
    assert f"cross at β = {known:.3g}" in below.reason
    assert below.finding is not None and below.finding.premise_share == 0
    assert above.finding is not None and above.finding.premise_share == 1


@pytest.mark.parametrize("betas", [[], [50]])
def test_the_crossing_does_not_depend_on_the_tilts_asked_for(betas: list[float]) -> None:
    evidence = evidence_of(polygon(), crossing=True, temperature=TAU, betas=betas, hardening=["exp", "threshold:0"])
    assert evidence.crossing[1] == pytest.approx(polygon_crossing(), abs=2e-3)


def test_no_tilt_is_needed_where_the_other_class_is_nearer() -> None:
    (judgement,) = judged("hscl_ge_ucl", evidence_of(shared_places(200), crossing=True, betas=[1], temperature=1))
    assert judgement.verdict == "occurs" and "they need no tilt to cross" in judgement.reason


def test_a_softer_tilt_decides_for_one_that_is_not_to_be_relied_on() -> None:
    """H-SCL does not decrease in beta, so above UCL it stays there, however few instances a harder tilt leaves."""
    evidence = evidence_of(shared_places(200), betas=[1, 80], temperature=1)
    soft, hard = judged("hscl_ge_ucl", evidence)
    assert (soft.verdict, soft.reliable) == ("occurs", True)
    assert (hard.verdict, hard.reliable) == ("occurs", False)
    assert hard.reason.startswith("At β = 1 H-SCL is above UCL, and H-SCL does not decrease in β.")
    assert hard.p_value == soft.p_value
    (alone,) = judged("hscl_ge_ucl", evidence_of(shared_places(200), betas=[80], temperature=1))
    assert alone.verdict == "undecided" and "effective instances" in alone.reason and math.isnan(alone.p_value)


def test_no_tilt_suffices_at_neural_collapse() -> None:
    z, y = collapsed(3, 8, 2)
    evidence = evidence_of(EmbeddingSet(z, y), crossing=True, betas=[1, 100])
    assert evidence.crossing == {1: math.inf}
    for judgement in judged("hscl_ge_ucl", certain(evidence)):
        assert judgement.verdict == "does not occur"
        assert "The estimates cross at no exponential tilt." in judgement.reason


def test_not_about_finitely_many_negatives_nor_about_no_tilt() -> None:
    (drawn,) = judged("hscl_ge_ucl", evidence_of(clusters(), betas=[1], negatives=3))
    assert drawn.verdict == "inapplicable" and "k = 3" in drawn.reason
    (untilted,) = judged("hscl_ge_ucl", evidence_of(clusters(), betas=[]))
    assert untilted.verdict == "inapplicable" and "no hardening" in untilted.reason


def test_premise_is_the_share_of_anchors_beyond_their_critical_hardness() -> None:
    evidence = evidence_of(clusters(spread=0.8), betas=[2])
    stars = critical_betas_of(evidence)
    (judgement,) = judged("hscl_ge_ucl", evidence)
    assert judgement.finding is not None
    share = float((stars <= 2).to(torch.float64).mean())
    assert 0 < share < 1
    assert judgement.finding.premise_share == pytest.approx(share)


def test_a_threshold_row_does_not_claim_the_exponential_crossing_for_itself() -> None:
    evidence = evidence_of(polygon(), crossing=True, temperature=TAU, hardening="threshold:0")
    (judgement,) = judged("hscl_ge_ucl", evidence)
    assert "With exponential tilts the estimates cross" in judgement.reason


@pytest.mark.slow
def test_the_interval_of_the_share_knows_that_pools_are_samples_too() -> None:
    """Against the mean share over samples of this size; of anchors as if their pools were known it covered 60 %."""
    population = parse_population("vmf:classes=2,dim=8,kappa=4,n=60")
    times, rows = 40, []
    for seed in range(times):
        evidence = evidence_of(population.sample(seed), temperature=0.5, betas=[2.0])
        (finding,) = CLAIMS["hscl_ge_ucl"].evaluate(evidence)
        assert finding.premise == finding.share
        rows.append((finding.share.value, *finding.share.interval(0.95)))
    value, low, high = np.array(rows).T
    assert ((low <= value.mean()) & (value.mean() <= high)).mean() >= 0.85  # 95 % less 2.9 standard errors
