"""Searches end to end: what must be found, what must not, and what is said of either."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from torch import Tensor

import boundcheck as bc
from boundcheck.claims import CLAIMS, Evidence, Finding
from boundcheck.claims.base import without_uncertainty
from boundcheck.claims.contrastive_bounds import upper_bounds
from boundcheck.claims.requirements import BALANCED, NON_NEGATIVE, SELF_INCLUDED
from boundcheck.errors import InputError
from boundcheck.falsification import Counterexample, search
from boundcheck.hardening import Hardening
from boundcheck.pairwise.cumulants import TOLERANCE, CumulantTable
from boundcheck.pools import Pool
from tests.oracles import literal as oracle
from tests.oracles.bridge import problem_of

ENOUGH = 300.0  # seconds: a search ends at its find, however slow the machine


def found(claim: object, **options: object) -> Counterexample:
    """The counterexample that a search must find."""
    result = bc.falsify(claim, **({"classes": 2, "points": 6, "dim": 3, "seconds": ENOUGH} | options))
    assert result is not None and result.certificate.confirmed
    return result


@pytest.fixture(scope="module")
def without_assumption() -> Counterexample:
    return found("hscl_le_hucl", beta=2)


def test_theorem_1_fails_without_its_assumption(without_assumption: Counterexample) -> None:
    """By the literal definitions of the test oracles, which share no code with the search."""
    problem = problem_of(without_assumption.embeddings, without_assumption.problem.variant)
    tilt = oracle.exponential(2)
    hscl, hucl = (oracle.population_loss(problem, pool, tilt, 1.0, "class") for pool in ("diff", "all"))
    assert hscl - hucl > TOLERANCE
    assert without_assumption.gap == pytest.approx(hucl - hscl, abs=1e-12)
    assert without_assumption.finding.premise_share is not None and without_assumption.finding.premise_share < 1
    assert "this does not contradict the theorem" in repr(without_assumption)


def test_shrunk_to_the_fewest(without_assumption: Counterexample) -> None:
    """An anchor, its partner and one point of the other class: fewer have no margin at all."""
    assert without_assumption.embeddings.n == 3 and without_assumption.points_before == 6
    assert "1 of 3 anchors" in repr(without_assumption)


def test_the_certificate(without_assumption: Counterexample) -> None:
    proof = without_assumption.certificate
    assert proof.digits == 50 and proof.anchors == 2
    assert proof.gap + proof.error_bound < -TOLERANCE
    assert abs(proof.gap - proof.float64_gap) <= 2 * proof.table_error + proof.error_bound < 1e-12


def test_same_seed_same_counterexample(without_assumption: Counterexample) -> None:
    again = found("hscl_le_hucl", beta=2)
    np.testing.assert_array_equal(again.z, without_assumption.z)
    assert found("hscl_le_hucl", beta=2, seed=1).embeddings.digest != again.embeddings.digest


@pytest.mark.slow
def test_the_data_as_population() -> None:
    """With self pairs the points are a discrete population, and every anchor counts."""
    result = found("scl_le_ucl", self_pairs="include", dim=2)
    assert result.certificate.anchors == result.embeddings.n
    problem = problem_of(result.embeddings, result.problem.variant)
    scl, ucl = (oracle.population_loss(problem, pool, oracle.constant(), 1.0, "class") for pool in ("diff", "all"))
    assert scl - ucl > TOLERANCE


def test_a_mild_tilt_does_not_lift_hscl_above_ucl() -> None:
    result = found("hscl_ge_ucl", beta=0.1)
    assert "A scenario need not hold" in repr(result)


def test_the_assumption_itself() -> None:
    result = found("hscl_le_hucl", premise="fail")
    problem = problem_of(result.embeddings, result.problem.variant)
    margins = [oracle.margin(problem, a, oracle.exponential(1)) for a in problem.anchors()]
    assert np.nanmin(margins) < -TOLERANCE
    assert result.gap == pytest.approx(np.nanmean(margins))
    assert "Counterexample to the premise of hscl_le_hucl" in repr(result)


# Points on the sphere have negative entries: claims about what a ReLU leaves are refused, see test_cli_falsify.
ON_THE_SPHERE = [claim for claim in CLAIMS.values() if NON_NEGATIVE not in claim.requirements]


@pytest.mark.slow
@pytest.mark.parametrize("claim", [claim.id for claim in ON_THE_SPHERE if claim.kind == "exact"])
def test_exact_claims_resist(claim: str) -> None:
    pools = "include" if SELF_INCLUDED in CLAIMS[claim].requirements else "exclude"
    result = search(claim, points=9, seconds=2, q=(1.0, math.inf), self_pairs=pools)
    assert result.counterexample is None
    assert result.effort.restarts >= 1
    assert not result.effort.least_gap < -TOLERANCE
    assert "not a proof" in repr(result) and f"{result.effort.steps:,} steps" in repr(result)


CONTRASTIVE_BOUNDS = ("bao_upper", "bao_lower", "arora_upper", "nozawa_sato_upper", "ash_upper")
POPULATION = {"self_pairs": "include", "positives": "class"}


@pytest.mark.slow
@pytest.mark.parametrize("claim", CONTRASTIVE_BOUNDS)
def test_bounds_of_the_mean_classifier_resist(claim: str) -> None:
    result = search(claim, classes=2, points=6, dim=3, seconds=2, **POPULATION)
    assert result.counterexample is None
    assert result.effort.steps > 0 and not result.effort.least_gap < -TOLERANCE


def test_a_bound_with_too_small_a_constant_falls() -> None:
    """Both sides by literal sums at the find."""

    @bc.claim(id="too_small", source="a guess", requirements=(SELF_INCLUDED,))
    def too_small(evidence: Evidence) -> Iterator[Finding]:
        yield from upper_bounds(evidence, lambda k: (1.0, -0.1) if k == 1 else None)

    result = found(too_small, **POPULATION)
    z, y = result.z[:, 0], result.y
    means = np.stack([z[y == c].mean(0) for c in (0, 1)])
    logits, t = z @ means.T / 0.5, z @ z.T / 0.5
    supervised = np.mean(np.logaddexp(*logits.T) - logits[np.arange(len(y)), y])
    pairs = [(a, p) for a in range(len(y)) for p in np.flatnonzero(y == y[a])]
    weight = [1 / (len(y) * (y == y[a]).sum()) for a, _ in pairs]
    contrastive = sum(w * np.mean(np.log1p(np.exp(t[a] - t[a, p]))) for (a, p), w in zip(pairs, weight, strict=True))
    assert supervised > contrastive - 0.1 + TOLERANCE
    assert result.gap == pytest.approx(contrastive - 0.1 - supervised, abs=5e-6)


@pytest.mark.slow
def test_a_wrong_claim_about_finite_k_falls() -> None:
    @bc.claim(id="ten_suffice", source="a guess")
    def ten_suffice(evidence: Evidence) -> Iterator[Finding]:
        "Ten negatives are as good as infinitely many, to a hundredth of a nat."
        finite = evidence.finite((10,))
        key = evidence.key("ucl", bc.CONSTANT, 1.0)
        slack = 0.01 - (finite.limit.per_anchor(key) - finite.tables[10].per_anchor(key))
        margin = float(slack.mean())
        yield Finding(None, None, 1.0, 0.01 - margin, 0.01, without_uncertainty(margin), slack)

    assert found(ten_suffice, temperature=0.2).gap < -TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("claim", [claim.id for claim in CLAIMS.values() if claim.premise])
def test_theorems_resist_where_their_premise_holds(claim: str) -> None:
    result = search(claim, points=12, seconds=2, premise="hold")
    assert result.counterexample is None
    assert not result.effort.least_gap < -TOLERANCE
    assert "where its premise holds" in repr(result)


@pytest.mark.slow
def test_a_proved_bound_is_reached_but_not_crossed() -> None:
    """Neural collapse is where scl_ge_collapse is an equality; two classes of three points get there quickly."""
    result = search("scl_ge_collapse", classes=2, points=6, dim=2, seconds=6)
    assert result.counterexample is None
    assert -TOLERANCE < result.effort.least_gap < 0.02


@bc.claim(id="labels_soften", source="a guess")
def labels_soften(evidence: Evidence) -> Iterator[Finding]:
    "Tilting costs less where labels keep the own class out."
    losses = evidence.losses
    for h in evidence.tilts:
        hscl, hucl = (evidence.key(loss, h, 1.0) for loss in ("hscl", "hucl"))
        scl, ucl = (evidence.key(loss, bc.CONSTANT, 1.0) for loss in ("scl", "ucl"))
        margin = losses.combine({hucl: 1.0, ucl: -1.0, hscl: -1.0, scl: 1.0})
        lhs, rhs = losses.gap(hscl, scl).value, losses.gap(hucl, ucl).value
        yield Finding(h.family, h.beta, 1.0, lhs, rhs, margin)


@pytest.mark.slow
def test_a_claim_of_one_s_own() -> None:
    result = found(labels_soften, classes=3, points=12, dim=4)
    problem = problem_of(result.embeddings, result.problem.variant)

    def cost(pool: str) -> float:
        tilts = oracle.exponential(1), oracle.constant()
        hard, plain = (oracle.population_loss(problem, pool, eta, 1.0, "class") for eta in tilts)
        return hard - plain

    assert cost("diff") - cost("all") > TOLERANCE
    assert result.finding.lhs == pytest.approx(cost("diff"), abs=1e-9)
    assert "does not hold for every configuration" in repr(result)


def test_a_claim_about_balanced_classes_stays_balanced() -> None:
    @bc.claim(id="balanced", source="a guess", requirements=(BALANCED,))
    def balanced(evidence: Evidence) -> Iterator[Finding]:
        (h,) = evidence.tilts
        yield evidence.compare(h, 1.0, evidence.key("hscl", h, 1.0), evidence.key("hucl", h, 1.0))

    result = found(balanced)
    assert set(result.embeddings.class_counts) == {2}
    with pytest.raises(InputError, match="'balanced' does not apply to these options: needs balanced classes"):
        bc.falsify(balanced, classes=2, points=7, class_prior="empirical")


def test_a_violated_exact_claim_is_an_error_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """The estimators' rho with the wrong sign: the evaluation at 50 digits does not share the mistake."""
    right = CumulantTable.rho

    def wrong(table: CumulantTable, pool: Pool, hardening: Hardening) -> Tensor:
        return -right(table, pool, hardening)

    monkeypatch.setattr(CumulantTable, "rho", wrong)
    result = bc.falsify("hucl_ge_ucl", classes=2, points=6, dim=3, seconds=ENOUGH)
    assert result is not None and not result.certificate.confirmed
    assert result.judgement.verdict == "fails" and "error in the program" in result.judgement.reason
    assert "NOT CONFIRMED" in repr(result)


def test_an_exact_claim_that_is_wrong_in_itself() -> None:
    @bc.claim(id="wrong", source="here", kind="exact")
    def wrong(evidence: Evidence) -> Iterator[Finding]:
        (h,) = evidence.tilts
        yield evidence.compare(h, 1.0, evidence.key("hucl", h, 1.0), evidence.key("ucl", h, 1.0))

    result = found(wrong)
    assert result.gap < -TOLERANCE
    assert "an error in the program or in the claim's own formula" in repr(result)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"claim": "hscl_le_hucI"}, "claims: expected one of .*did you mean 'hscl_le_hucl'?"),
        ({"classes": 1}, "classes: must be a whole number >= 2, received 1"),
        ({"points": 3}, "points: must exceed the 3 classes, received 3"),
        ({"dim": 1}, "dim: must be a whole number >= 2, received 1"),
        ({"views": 0}, "views: must be a whole number >= 1, received 0"),
        ({"points": 300, "views": 2}, "points: points x views must be at most 400, received 600"),
        ({"temperature": 0.0}, "temperature: must be a finite number > 0, received 0"),
        ({"beta": -1.0}, "betas: must be a finite number >= 0, received -1"),
        ({"beta": 0.0}, "does not apply to these options: no hardening or Q"),
        ({"premise": "maybe"}, "premise: expected one of free, hold, fail, received 'maybe'"),
        ({"seconds": 0.0}, "seconds: must be a finite number > 0, received 0"),
        ({"seconds": math.inf}, "seconds: must be a finite number > 0, received inf"),
        ({"positives": "augmentation"}, "needs two or more views"),
    ],
)
def test_mistakes_are_one_line(options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        bc.falsify(**({"claim": "hscl_le_hucl"} | options))
    assert "\n" not in str(caught.value)
