"""The newer claims on small populations: true ones never violated, each with a wrong constant violated somewhere."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from scipy.special import gammaln, logsumexp

import boundcheck as bc
from boundcheck.bounds import BOUNDS
from boundcheck.claims import CLAIMS, Evidence, Finding, judge
from boundcheck.claims.finite_k_rate import gap_bound
from boundcheck.claims.floors import loss_at
from boundcheck.claims.infonce_information import least_loss
from boundcheck.claims.mean_classifier_by_variance import spread_cost
from boundcheck.claims.nearest_mean_error import bounds_and_error
from boundcheck.claims.nscl_gradient import most_same
from boundcheck.claims.scl_bounds_ranking import misranked
from boundcheck.claims.scl_ge_collapse import collapse_loss
from boundcheck.claims.scl_ge_unbalanced import least_exponent
from boundcheck.claims.spectral import error_bound, looked_at, moments
from boundcheck.claims.statistics import mean, some_instances
from boundcheck.claims.summed_ge_collapse import floor as summed_floor
from boundcheck.claims.ucl_ge_collapse import floor
from boundcheck.claims.uniformity_floor import log_mean_uniform
from boundcheck.falsification.evidence import dense_evidence
from boundcheck.spec import Variant
from tests.bounds.enumeration import rare_outlier

POPULATION = dict(self_pairs="include", positives="class", class_prior="balanced")
LEAVE_OUT = dict(self_pairs="exclude", positives="class")
VIEWS = dict(self_pairs="exclude", positives="augmentation")

# What each claim is about: how the variant takes the data, and views of an instance.
SETTING: dict[str, tuple[dict[str, str], int]] = {
    "ucl_ge_collapse": (POPULATION, 1),
    "scl_ge_unbalanced": (LEAVE_OUT, 1),
    "ucl_ge_instances": (VIEWS, 2),
    "ucl_ge_similarity_gap": (VIEWS, 2),
    "positives_exceed_negatives": (VIEWS, 2),
    "uniformity_floor": (POPULATION, 1),
    "finite_k_rate": (LEAVE_OUT, 1),
    "infonce_information": (POPULATION, 1),
    "wang_upper": (POPULATION | {"positives": "augmentation"}, 2),
    "wang_lower": (POPULATION, 1),
    "mean_classifier_error": (POPULATION, 1),
    "hscl_bounds_kernel_rule": (LEAVE_OUT, 1),
    "worst_case_bounds_1nn": (LEAVE_OUT, 1),
    "ncm_directional": (LEAVE_OUT, 1),
    "ncm_second_moments": (LEAVE_OUT, 1),
    "summed_ge_collapse": (POPULATION, 1),
    "scl_ge_orthogonal": (LEAVE_OUT, 1),
    "ucl_ge_orthogonal": (POPULATION, 1),
    "energy_of_pairs": (VIEWS, 2),
    "scl_ge_similarity_gap": (LEAVE_OUT, 1),
    "scl_bounds_ranking": (LEAVE_OUT, 1),
    "spectral_rank": (LEAVE_OUT, 1),
    "spectral_error": (LEAVE_OUT, 1),
    "simclr_upper": (POPULATION | {"positives": "augmentation"}, 2),
    "nscl_gradient": (LEAVE_OUT, 1),
}
BEHIND_RELU = ("scl_ge_orthogonal", "ucl_ge_orthogonal")


def repeated(places: np.ndarray, times: np.ndarray | list[int], views: int) -> bc.EmbeddingSet:
    """Every class one place."""
    y = np.repeat(np.arange(len(places)), times)
    return bc.EmbeddingSet(np.repeat(places[y][:, None], views, axis=1), y)


def sets(views: int, rng: np.random.Generator, count: int) -> Iterator[bc.EmbeddingSet]:
    """Collapsed, minority-collapsed and uniform sets, then random ones: anywhere, heaps, a line, nearly a point."""
    simplex = np.eye(3) - 1 / 3
    yield repeated(simplex, [2, 2, 2], views)
    yield repeated(np.array([[1.0, 0], [-1, 0], [-1, 0]]), [16, 2, 2], views)  # minority classes collapsed
    yield repeated(np.array([[1.0, 0], [1, 0], [-1, 0]]), [3, 3, 3], views)  # two classes are one
    cross = np.concatenate([np.eye(3), -np.eye(3)])
    yield bc.EmbeddingSet(np.repeat(cross[:, None], views, axis=1), [0, 1, 2, 0, 1, 2])
    yield bc.EmbeddingSet(np.repeat((np.eye(4) - 0.25)[:, None], views, axis=1), [0, 0, 1, 1])  # instances a simplex
    for _ in range(count):
        c, d = int(rng.integers(2, 4)), int(rng.integers(2, 5))
        y = np.repeat(np.arange(c), rng.integers(2, 4, c))
        heap = rng.standard_normal((3, d))[rng.integers(0, 3, len(y))][:, None]
        noise = rng.standard_normal((len(y), views, d))
        line = rng.standard_normal(d) * rng.choice([-1.0, 1.0], (len(y), views, 1))
        yield bc.EmbeddingSet([noise, heap + 0.1 * noise, line, np.ones(d) + 0.02 * noise][rng.integers(4)], y)


def verdicts(claim: str, emb: bc.EmbeddingSet, tau: float, of: Callable[..., Evidence] = dense_evidence) -> set[str]:
    if claim in BEHIND_RELU:
        emb = bc.EmbeddingSet(np.abs(emb.z), emb.y)
    variant = Variant(temperature=tau, betas=[1.0], q=[1.0, 3.0], **SETTING[claim][0])
    return {judgement.verdict for judgement in judge(CLAIMS[claim], of(emb, variant.on(emb)), 0.95)}


def test_every_new_claim_is_here() -> None:
    assert list(CLAIMS)[-len(SETTING) :] == list(SETTING)


@pytest.mark.slow
@pytest.mark.parametrize("claim", SETTING)
def test_never_violated(claim: str) -> None:
    rng, views = np.random.default_rng(0), SETTING[claim][1]
    found: list[str] = []
    for emb in sets(views, rng, 3 if claim in ("finite_k_rate", "simclr_upper") else 40):
        found += verdicts(claim, emb, float(rng.choice([0.1, 0.5, 1.0])))
    met = found.count("holds") + found.count("passes")
    assert set(found) <= {"holds", "passes", "inapplicable"} and met >= 5


def wrong_gap(temperature: float, k: int) -> float:
    return gap_bound(temperature, k) / k


def half_entropy(prior: torch.Tensor, k: int) -> float:
    return (math.log(k + 1) + least_loss(prior, k)) / 2


def wrong_moments(z: torch.Tensor, y: np.ndarray) -> list[float]:
    *bounds, error = bounds_and_error(z, y)
    return [*(bound / 2 for bound in bounds), error]


FALSE: dict[str, tuple[str, dict[str, Any]]] = {
    "ucl_ge_collapse": ("ucl_ge_collapse", {"floor": lambda c, tau, q: floor(c, 2 * tau, q)}),
    "scl_ge_unbalanced": ("scl_ge_unbalanced", {"least_exponent": lambda prior: -len(prior) / (len(prior) - 1)}),
    "ucl_ge_instances": ("ucl_ge_instances", {"floor": lambda n, tau, q: math.log1p(q * math.exp(-1 / tau))}),
    "ucl_ge_similarity_gap": ("ucl_ge_similarity_gap", {"least": lambda g, tau, q: math.log1p(q * math.exp(g / 2))}),
    "positives_exceed_negatives": ("positives_exceed_negatives", {"largest_gap": lambda n: 1.0}),
    "uniformity_floor": ("uniformity_floor", {"log_mean_uniform": lambda d, kappa: 2 * log_mean_uniform(d, kappa)}),
    "finite_k_rate": ("finite_k_rate", {"gap_bound": wrong_gap}),
    "infonce_information": ("infonce_information", {"least_loss": half_entropy}),
    "wang_lower": ("mean_classifier_by_variance", {"spread_cost": lambda v, tau: spread_cost(v / 20, tau) - v / tau}),
    "mean_classifier_error": ("mean_classifier_error", {"price": lambda: math.log(3)}),
    "hscl_bounds_kernel_rule": ("hscl_bounds_kernel_rule", {"price": lambda q: math.log1p(2 * q)}),
    "worst_case_bounds_1nn": ("worst_case_bounds_1nn", {"price": lambda q: math.log1p(2 * q)}),
    "summed_ge_collapse": ("summed_ge_collapse", {"floor": lambda c, tau, k: summed_floor(c, 2 * tau, k)}),
    "scl_ge_orthogonal": ("orthogonal_frame", {"supervised_floor": lambda tau, q: loss_at(-0.5 / tau, q)}),
    "ucl_ge_orthogonal": ("orthogonal_frame", {"unsupervised_floor": lambda prior, tau, q: math.log1p(q)}),
    "energy_of_pairs": ("energy_of_pairs", {"least_energy": lambda n, d, tau: log_mean_uniform(d, 1 / tau)}),
    "scl_ge_similarity_gap": ("scl_ge_similarity_gap", {"least": lambda gap, q: torch.log1p(q * (gap / 2).exp())}),
    "scl_bounds_ranking": ("scl_bounds_ranking", {"price": lambda q: 2 * math.log1p(q)}),
    "spectral_rank": ("spectral", {"most_rank": lambda c, d: min(d, c) / 2}),
    "spectral_error": ("spectral", {"error_bound": lambda b, t, c: error_bound(b, t, c) / 8}),
    "simclr_upper": ("simclr_upper", {"offset": lambda c, tau, k: -math.log(k)}),
    "nscl_gradient": ("nscl_gradient", {"largest_turn": lambda same, other, tau: most_same(same, other, tau) / tau}),
}  # fmt: skip


@pytest.mark.parametrize("claim", FALSE)
def test_false_variants_are_found(claim: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, wrong = FALSE[claim]
    for name, value in wrong.items():
        monkeypatch.setattr(import_module(f"boundcheck.claims.{module}"), name, value)
    rng = np.random.default_rng(1)
    found = (verdicts(claim, emb, 0.5) for emb in sets(SETTING[claim][1], rng, 12))
    assert any(verdict & {"violated", "fails"} for verdict in found)


def test_without_the_variance_the_upper_bound_is_false(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Evidence, "variance_within", torch.zeros(1, dtype=torch.float64))
    rng = np.random.default_rng(1)
    assert any("violated" in verdicts("wang_upper", emb, 0.5) for emb in sets(2, rng, 12))


@pytest.mark.parametrize("claim", ["ncm_directional", "ncm_second_moments"])
def test_half_the_moments_are_too_little(claim: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = rare_outlier()
    x[-1] -= 1e-4  # no tie, which rounding would decide
    emb = bc.EmbeddingSet(np.concatenate([x, x[-1:]])[:, None] + 10.0, np.append(y, 1), normalize=False)
    assert verdicts(claim, emb, 0.5) == {"holds"}
    monkeypatch.setattr(import_module("boundcheck.claims.nearest_mean_error"), "bounds_and_error", wrong_moments)
    assert verdicts(claim, emb, 0.5) == {"violated"}


def test_equality_where_it_is_claimed() -> None:
    rng = np.random.default_rng(0)
    for claim, at in (("ucl_ge_collapse", 0), ("ucl_ge_instances", 4), ("positives_exceed_negatives", 4)):
        emb = list(sets(SETTING[claim][1], rng, 0))[at]
        variant = Variant(temperature=0.5, betas=[], **SETTING[claim][0]).on(emb)
        (finding,) = CLAIMS[claim].evaluate(dense_evidence(emb, variant))
        assert finding.lhs == pytest.approx(finding.rhs, abs=1e-6)


def test_bounds_that_meet_where_they_must() -> None:
    assert least_exponent(np.full(5, 0.2)) == pytest.approx(-5 / 4)
    assert floor(3, 0.5, 1.0) > collapse_loss(3, 0.5, 1.0)
    kappa = 3.0
    assert log_mean_uniform(3, kappa) == pytest.approx(math.log(math.sinh(kappa) / kappa))
    assert log_mean_uniform(1, kappa) == pytest.approx(math.log(math.cosh(kappa)))
    assert log_mean_uniform(100_000, kappa) == pytest.approx(kappa**2 / 200_000, rel=1e-4)
    m = np.arange(200)  # the series in logs, where the scaled Bessel function underflows: it was taken for 0.95
    terms = 2 * m * math.log(25.0) + gammaln(785 / 2) - gammaln(m + 1) - gammaln(785 / 2 + m)
    assert log_mean_uniform(785, 50.0) == pytest.approx(float(logsumexp(terms)), rel=1e-9)
    assert BOUNDS["directional"].id == "directional"


@pytest.mark.parametrize("setting", [POPULATION, LEAVE_OUT, VIEWS])
def test_statistics_by_loops(setting: dict[str, str]) -> None:
    emb = list(sets(2, np.random.default_rng(2), 1))[-1]
    evidence = dense_evidence(emb, Variant(betas=[], **setting).on(emb))
    z, a = emb.z.reshape(-1, emb.d), np.arange(2 * emb.n)
    label, instance = emb.y[a // 2], a // 2
    for i in a:
        if setting["positives"] == "augmentation":
            mine = (instance == instance[i]) & (a != i)
        else:
            mine = (label == label[i]) & ((a != i) | (setting["self_pairs"] == "include"))
        assert float(evidence.positive_similarity[i]) == pytest.approx((z[mine] @ z[i]).mean())
        assert float(evidence.alignment[i]) == pytest.approx(np.square(z[mine] - z[i]).sum(1).mean(), abs=1e-9)
        assert float(evidence.negative_similarity[i]) == pytest.approx((z[instance != instance[i]] @ z[i]).mean())
        spread = np.square(z[i] - z[label == label[i]].mean(0)).sum()
        assert float(evidence.variance_within[i]) == pytest.approx(spread)
    np.testing.assert_allclose(evidence.class_means[0], z[label == 0].mean(0))


def test_means_have_the_error_of_instances() -> None:
    rng = np.random.default_rng(0)
    emb = bc.EmbeddingSet(rng.standard_normal((200, 2, 4)), np.arange(200) % 2)
    losses = dense_evidence(emb, Variant(betas=[]).on(emb)).losses
    losses = dataclasses.replace(
        losses,
        influence=torch.ones(200, len(losses.keys)),
        population=False,
        variant=losses.variant.but(self_pairs="exclude", design="iid"),
    )
    per_instance = rng.standard_normal(200)
    estimate = mean(losses, torch.from_numpy(per_instance.repeat(2)))
    assert estimate.value == pytest.approx(per_instance.mean())
    assert estimate.se == pytest.approx(per_instance.std(ddof=1) / 200**0.5)
    by_class = mean(losses, torch.tensor([1.0, 3.0]))
    assert (by_class.value, by_class.se) == pytest.approx((2.0, 1.0))


def test_a_conjecture_may_fail_without_failing_the_run() -> None:
    @bc.claim(id="guess", source="a guess", kind="conjecture", statement="s_+ \\leq 0.1")
    def guess(evidence: Evidence) -> Iterator[Finding]:
        values = 0.1 - evidence.positive_similarity
        estimate = evidence.mean(values)
        yield Finding(None, None, None, 0.1 - estimate.value, 0.1, estimate, values)

    rng = np.random.default_rng(0)
    z = np.eye(2, 4)[np.arange(40) % 2][:, None] + 0.1 * rng.standard_normal((40, 2, 4))
    verification = bc.verify(bc.EmbeddingSet(z, np.arange(40) % 2), claims=[guess], betas=[])
    assert verification.claims["guess"].verdict == "violated" and not verification.failed()


def test_the_simplex_is_no_bound_behind_a_relu_and_the_frame_none_without() -> None:
    """Kini et al. 2023 need the ReLU: the collapsed simplex is below the value at an orthogonal frame."""
    emb = next(sets(1, np.random.default_rng(0), 0))
    variant = Variant(temperature=0.5, betas=[], self_pairs="exclude", positives="class").on(emb)
    (simplex,) = CLAIMS["scl_ge_collapse"].evaluate(dense_evidence(emb, variant))
    (frame,) = CLAIMS["scl_ge_orthogonal"].evaluate(dense_evidence(emb, variant))
    assert simplex.rhs == pytest.approx(simplex.lhs, abs=1e-9) and frame.rhs < frame.lhs - 0.05
    (judged,) = judge(CLAIMS["scl_ge_orthogonal"], dense_evidence(emb, variant), 0.95)
    assert judged.verdict == "inapplicable" and "ReLU" in judged.reason


def test_new_floors_are_met_where_they_are_claimed() -> None:
    simplex, frame = (np.eye(3) - 1 / 3)[[0, 1, 2, 0, 1, 2]], np.eye(3)[[0, 1, 2, 0, 1, 0]]
    y = [0, 1, 2, 0, 1, 2]
    cases = {
        "summed_ge_collapse": (simplex, y),
        "scl_ge_orthogonal": (frame, [0, 1, 2, 0, 1, 0]),
        "ucl_ge_orthogonal": (frame, [0, 1, 2, 0, 1, 0]),
        "spectral_error": (simplex, y),
        "spectral_rank": (np.eye(3)[y], y),
    }
    for claim, (z, labels) in cases.items():
        emb = bc.EmbeddingSet(z, labels)
        # class 2 of the frame has one instance, an anchor with no positive where its own is left out
        setting = SETTING[claim][0] | {"class_prior": "empirical"}
        findings = CLAIMS[claim].evaluate(dense_evidence(emb, Variant(betas=[], **setting).on(emb)))
        assert all(f.lhs == pytest.approx(f.rhs, abs=1e-5) for f in findings), claim
    instances = bc.EmbeddingSet(np.repeat((np.eye(4) - 0.25)[:, None], 2, axis=1), [0, 0, 1, 1])
    (finding,) = CLAIMS["energy_of_pairs"].evaluate(dense_evidence(instances, Variant(betas=[]).on(instances)))
    assert finding.lhs == pytest.approx(finding.rhs) == pytest.approx(-1 / (3 * 0.5))


@pytest.mark.parametrize("setting", [POPULATION, LEAVE_OUT, VIEWS])
def test_rankings_and_spectral_moments_by_loops(setting: dict[str, str]) -> None:
    emb = list(sets(2, np.random.default_rng(3), 1))[-1]
    evidence = dense_evidence(emb, Variant(betas=[], **setting).on(emb))
    z, a = emb.z.reshape(-1, emb.d), np.arange(2 * emb.n)
    label, t = emb.y[a // 2], z @ z.T
    weight = 1 / np.bincount(label)[label] if setting.get("class_prior") == "balanced" else np.ones(len(a))
    found = misranked(evidence.losses, evidence.z)
    for i in a:
        same_source = a // 2 == i // 2 if setting["positives"] == "augmentation" else label == label[i]
        mine = np.flatnonzero(same_source & ((a != i) | (setting["self_pairs"] == "include")))
        others = np.flatnonzero(label != label[i])
        pairs = [weight[b] * (t[i, b] >= t[i, p]) for p in mine for b in others]
        assert float(found[i]) == pytest.approx(sum(pairs) / (len(mine) * weight[others].sum()))
    share = 1 / (emb.c * np.bincount(label)[label])
    between, total = moments(*looked_at(evidence)[:3], centred=False)
    alike = label[:, None] == label[None]
    assert between == pytest.approx((np.outer(share, share) * alike * t).sum() * emb.c)
    assert total == pytest.approx((np.outer(share, share) * t**2).sum())


TEMPERATURES = pytest.mark.parametrize("temperature", [1e5, 3.0, 2.0, 0.5, 0.07, 1 / 299, 1 / 301, 1e-5])


@TEMPERATURES
def test_what_negatives_may_add_is_that_of_the_formula_at_any_temperature(temperature: float) -> None:
    """It has e^(1 / tau), which overflows at temperatures of 1 / 700: by mpmath there as well."""
    with mpmath.workdps(60):
        tau = mpmath.mpf(temperature)
        for k in (1, 10**5):
            assert gap_bound(temperature, k) == pytest.approx(float(min(2 / tau, mpmath.expm1(1 / tau) ** 2 / k)))


@TEMPERATURES
def test_the_cost_of_averaging_is_that_of_the_formula_at_any_temperature(temperature: float) -> None:
    with mpmath.workdps(60):
        tau = mpmath.mpf(temperature)
        for variance in (0.0, 1e-6, 0.3, 4.0):
            bennett = mpmath.log1p(variance * (mpmath.expm1(2 / tau) - 2 / tau) / 4)
            assert spread_cost(variance, temperature) == pytest.approx(
                float(min(bennett, (2 / tau) ** 2 / 8)), rel=1e-9
            )


@pytest.mark.parametrize("setting", [LEAVE_OUT, VIEWS, POPULATION])
def test_the_share_misranked_is_that_of_counting(setting: dict[str, str]) -> None:
    """Every positive against every candidate of another class, which weighs as its class does over its number."""
    rng = np.random.default_rng(2)
    y, views = np.array([0, 0, 0, 1, 1, 2]), 2
    emb = bc.EmbeddingSet(rng.standard_normal((6, views, 3)), y)
    losses = dense_evidence(emb, Variant(betas=[], **setting).on(emb)).losses
    rows, label, instance = emb.z.reshape(-1, 3), np.repeat(y, views), np.repeat(np.arange(6), views)
    weight = np.ones(len(rows)) if setting is not POPULATION else 1 / np.bincount(label)[label]
    expected = []
    for a in range(len(rows)):
        t = rows @ rows[a]
        positive = (instance == instance[a]) if setting is VIEWS else (label == label[a])
        if setting is not POPULATION:
            positive = positive & (np.arange(len(rows)) != a)
        other = label != label[a]
        above = [(weight * other * (t >= t[p])).sum() / (weight * other).sum() for p in np.flatnonzero(positive)]
        expected.append(np.mean(above) if above else np.nan)
    np.testing.assert_allclose(misranked(losses, torch.from_numpy(emb.z)), expected)


def test_very_many_instances_are_looked_at_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers are those of the part itself, every class in proportion, and the reason says so."""
    rng = np.random.default_rng(4)
    y = np.sort(rng.integers(0, 3, 600))
    whole = bc.EmbeddingSet(np.eye(3, 5)[y] + 0.6 * rng.standard_normal((600, 5)), y)
    claims = ["ncm_directional", "spectral_error", "spectral_rank"]
    for module in ("nearest_mean_error", "spectral"):
        monkeypatch.setattr(import_module(f"boundcheck.claims.{module}"), "WORK", 100 * 3 * 5)
    some = bc.verify(whole, betas=[], claims=claims).to_frame()
    part = some_instances(whole.y, 100)
    assert np.abs(np.bincount(whole.y[part]) - np.bincount(whole.y) / 6).max() < 1
    alone = bc.verify(whole.subset(part), betas=[], claims=claims).to_frame()
    np.testing.assert_allclose(some[["lhs", "rhs", "gap"]], alone[["lhs", "rhs", "gap"]], rtol=1e-9)
    assert some.reason.str.contains("Of 100 of ").all() and not alone.reason.str.contains("Of 100 of ").any()


@pytest.mark.parametrize("norm", [1 + 9e-5, 1 + 1e-7])
def test_norms_that_are_off_by_more_than_rounding_are_not_those_of_the_sphere(norm: float) -> None:
    """An orthogonal frame of norms a little over 1 lies below the least loss: it was taken for a program's error."""
    emb = bc.EmbeddingSet(norm * np.eye(3)[[0, 1, 2, 0, 1, 2]], [0, 1, 2, 0, 1, 2], normalize=False)
    options = {"claims": "scl_ge_orthogonal", "q": [1.0, math.inf], "temperature": 0.05, "betas": [], "null": False}
    frame = bc.verify(emb, positives="class", **options).to_frame()
    assert set(frame.verdict) == {"passes" if norm < 1 + 1e-6 else "inapplicable"}
