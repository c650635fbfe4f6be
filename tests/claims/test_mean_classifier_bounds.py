"""The mean classifier between bounds by the contrastive loss: Arora 2019, Nozawa-Sato 2021, Ash 2022, Bao 2022."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from scipy.special import logsumexp

from boundcheck.claims import CLAIMS, Evidence
from boundcheck.claims.contrastive_bounds import KS, collision_loss, log_coverage, log_no_collision
from boundcheck.embeddings import EmbeddingSet
from boundcheck.verdicts import MET, UNMET, is_unmet
from tests.claims.designs import clusters, evidence_of, judged
from tests.oracles.closed_forms import collapsed

IDS = ("arora_mean_classifier", "bao_upper", "bao_lower", "arora_upper", "nozawa_sato_upper", "ash_upper")
POPULATION = {"self_pairs": "include", "positives": "class"}


@pytest.fixture(scope="module")
def population() -> Evidence:
    return evidence_of(clusters(spread=0.8), betas=[], **POPULATION)


@pytest.mark.parametrize("claim", IDS)
def test_holds_on_data_taken_as_the_population(population: Evidence, claim: str) -> None:
    judgements = judged(claim, population)
    assert {j.verdict for j in judgements} == {MET[CLAIMS[claim].kind]}
    # K = 1 cannot show three classes; (1 - t_K)^-1 = 1.5^K passes 1e43 at K = 256
    rows = {"arora_mean_classifier": 1, "arora_upper": 3, "nozawa_sato_upper": len(KS) - 1, "ash_upper": 4}
    assert len(judgements) == rows.get(claim, len(KS))


@pytest.mark.parametrize("claim", IDS)
def test_says_what_the_input_lacks(claim: str) -> None:
    (judgement,) = judged(claim, evidence_of(clusters(), betas=[]))
    assert judgement.verdict == "inapplicable"
    assert "self_pairs='include'" in judgement.reason and "positives='class'" in judgement.reason


@pytest.mark.parametrize("claim", ["arora_upper", "nozawa_sato_upper", "ash_upper"])
def test_older_bounds_want_a_uniform_prior(claim: str) -> None:
    emb = clusters().subset(np.arange(30))
    (judgement,) = judged(claim, evidence_of(emb, betas=[], **POPULATION))
    assert judgement.verdict == "inapplicable" and "class_prior='balanced'" in judgement.reason
    assert {j.verdict for j in judged(claim, evidence_of(emb, betas=[], class_prior="balanced", **POPULATION))} == {
        "holds"
    }


def test_both_sides_against_literal_sums() -> None:
    """Every term of Arora's inequality, and of Bao's at K = 1, written out."""
    emb = clusters(per_class=4, spread=0.9)
    tau = 0.5
    evidence = evidence_of(emb, betas=[], temperature=tau, **POPULATION)
    z, y = emb.z.reshape(-1, emb.d).astype(float), np.repeat(emb.y, emb.v)
    means = np.stack([z[y == c].mean(0) for c in range(3)])
    t = z @ z.T / tau
    contrastive = [
        np.mean([math.log1p(math.exp(t[a, b] - t[a, p])) for p in np.flatnonzero(y == y[a]) for b in range(len(z))])
        for a in range(len(z))
    ]
    binary = [
        np.mean([math.log1p(math.exp(z[a] @ (means[c] - means[y[a]]) / tau)) for c in range(3)]) for a in range(len(z))
    ]
    (arora,) = judged("arora_mean_classifier", evidence)
    assert arora.finding is not None and arora.finding.slack is not None
    assert arora.finding.lhs == pytest.approx(np.mean(binary), abs=1e-9)
    assert arora.finding.slack.numpy() == pytest.approx(np.array(contrastive) - binary, abs=5e-6)
    logits = z @ means.T / tau
    supervised = np.mean(logsumexp(logits, axis=1) - logits[np.arange(len(z)), y])
    upper, lower = judged("bao_upper", evidence)[0].finding, judged("bao_lower", evidence)[0].finding
    assert upper is not None and lower is not None
    assert upper.lhs == lower.rhs == pytest.approx(supervised, abs=1e-9)
    constant = math.log(3) + 2 * math.log(math.cosh(1 / tau))  # pi_max C^2 = 3
    assert upper.rhs == pytest.approx(np.mean(contrastive) + constant, abs=5e-6)
    constant = math.log(3) - 2 * math.log(2) - 2 * math.log(math.cosh(1 / tau))
    assert lower.lhs == pytest.approx(np.mean(contrastive) + constant, abs=5e-6)


def test_a_contrastive_loss_that_is_too_low_is_caught(population: Evidence) -> None:
    broken = dataclasses.replace(population, summed=lambda ks: population.summed(ks) - 2)
    for claim in ("arora_mean_classifier", "nozawa_sato_upper", "ash_upper"):
        assert UNMET[CLAIMS[claim].kind] in {j.verdict for j in judged(claim, broken)}
    far = dataclasses.replace(population, summed=lambda ks: population.summed(ks) - 20)
    assert {j.verdict for j in judged("bao_upper", far)} == {"violated"}
    far = dataclasses.replace(population, summed=lambda ks: population.summed(ks) + 20)
    assert {j.verdict for j in judged("bao_lower", far)} == {"violated"}


def test_arora_is_an_equality_at_collapse() -> None:
    """Points at their class means leave Jensen nothing."""
    (judgement,) = judged(
        "arora_mean_classifier", evidence_of(EmbeddingSet(*collapsed(4, 3, 2)), betas=[], **POPULATION)
    )
    assert judgement.finding is not None and judgement.finding.slack is not None
    assert judgement.verdict == "passes" and float(judgement.finding.slack.abs().max()) < 3e-6


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_coupons_and_collisions_by_enumeration(classes: int) -> None:
    coverage = log_coverage(classes, 6)
    for m in range(7):
        draws = list(itertools.product(range(classes), repeat=m))
        assert math.exp(coverage[m]) == pytest.approx(np.mean([len(set(draw)) == classes for draw in draws]), abs=1e-12)
        assert math.exp(log_no_collision(classes, m)) == pytest.approx(np.mean([0 not in draw for draw in draws]))
        expected = np.mean([math.log1p(draw.count(0)) for draw in draws])
        assert collision_loss(classes, m) == pytest.approx(expected, abs=1e-12)


def test_a_thousand_coupons_are_stable() -> None:
    coverage = log_coverage(1000, 20_000)
    assert coverage[1000] == pytest.approx(math.lgamma(1001) - 1000 * math.log(1000), rel=1e-12)
    assert coverage[999] == -math.inf and coverage[20_000] == pytest.approx(-1000 * math.exp(-20.01), rel=1e-3)
    assert (np.diff(coverage[1000:]) >= 0).all()


@pytest.mark.parametrize("claim", IDS)
def test_factors_that_magnify_rounding_do_not_violate(claim: str) -> None:
    """At collapse L_cont meets its least value, and the older bounds multiply whatever the quadrature errs by."""
    emb = EmbeddingSet(*collapsed(20, 4, 2))
    judgements = judged(claim, evidence_of(emb, betas=[], temperature=0.03, **POPULATION))
    assert not any(is_unmet(j.verdict) for j in judgements)
