"""The beta at which averaged H-SCL meets UCL, and the worst case, against the literal losses."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators import critical_beta
from boundcheck.estimators.critical_beta import BETA_TOLERANCE, crossing_interval, crossings, worst_case_losses
from boundcheck.estimators.exact import exact, pair_plan
from boundcheck.estimators.montecarlo import montecarlo
from boundcheck.estimators.populations import parse_population
from boundcheck.estimators.records import LossTable
from boundcheck.hardening import CONSTANT, Exponential, LogTerm
from boundcheck.losses import LOSSES, LossKey
from boundcheck.pairwise.critical import critical_betas
from boundcheck.pairwise.cumulants import LogSumsOf
from boundcheck.pairwise.passes import run_one
from boundcheck.spec import Execution, Variant
from tests.oracles import literal
from tests.oracles.bridge import problem_of
from tests.strategies import clouds


def crossing_of(emb: EmbeddingSet, spec: Variant) -> dict[float, float]:
    spec, execution = spec.on(emb), Execution(device="cpu")
    plan = pair_plan(emb, spec, execution)
    losses = exact(emb, spec, execution, plan=plan)
    worst_case = run_one(plan, worst_case_losses(emb, spec, losses.table))
    return run_one(plan, crossings(losses, worst_case))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["augmentation", "class"])
@pytest.mark.parametrize("betas", [(), (0.5,), (0.5, 20.0)])
@pytest.mark.parametrize("prior", ["empirical", "balanced"])
def test_crossing_is_the_root_of_the_literal_difference(mode, betas, prior):
    emb = EmbeddingSet(*clouds("clustered", n=20, v=2, d=3, seed=3))
    q = (1.0, 8.0)
    spec = Variant(0.3, hardening=tuple(Exponential(b) for b in betas), q=q, positives=mode, class_prior=prior)
    problem = problem_of(emb, spec)
    found = crossing_of(emb, spec)
    for level in q:
        ucl = literal.population_loss(problem, "all", literal.constant(), level, mode)

        def excess(beta, level=level, ucl=ucl):
            return literal.population_loss(problem, "diff", literal.exponential(beta), level, mode) - ucl

        assert found[level] == pytest.approx(brentq(excess, 0, 100, xtol=1e-6), abs=BETA_TOLERANCE)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many terms each pass asks for."""
    made: list[int] = []

    def counted(terms: tuple[LogTerm, ...]) -> LogSumsOf:
        made.append(len(terms))
        return LogSumsOf(terms)

    monkeypatch.setattr(critical_beta, "LogSumsOf", counted)
    return made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("betas", "at_most"), [((0.5, 1.0, 2.0, 5.0, 10.0), 2), ((0.1, 30.0), 6), ((0.01,), 4), ((), 4)]
)
@pytest.mark.parametrize("mode", ["augmentation", "class"])
def test_a_few_visits_serve_every_q(looks, betas, at_most, mode):
    emb = EmbeddingSet(*clouds("clustered", n=60, v=2, d=3, seed=3))
    q = (0.5, 1.0, 8.0, math.inf)
    spec = Variant(0.3, hardening=tuple(Exponential(b) for b in betas), q=q, positives=mode)
    problem = problem_of(emb, spec)
    for level, beta in crossing_of(emb, spec).items():
        ucl = literal.population_loss(problem, "all", literal.constant(), level, mode)
        below, above = (
            literal.population_loss(problem, "diff", literal.exponential(beta + step), level, mode) - ucl
            for step in (-BETA_TOLERANCE, BETA_TOLERANCE)
        )
        assert below < 0 < above
    assert 0 < len(looks) <= at_most


def test_tilts_as_dense_as_a_run_has_need_two_looks_at_most(looks):
    emb = EmbeddingSet(*clouds("clustered", n=200, v=2, d=8, seed=3))
    (beta,) = crossing_of(
        emb, Variant(0.5, hardening=tuple(Exponential(b) for b in (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)))
    ).values()
    assert 5 < beta < 20
    assert len(looks) <= 2


@pytest.mark.parametrize("guess", [0.0, 0.5, 1.0])
def test_no_guess_is_so_bad_that_the_crossing_is_missed(monkeypatch, looks, guess):
    emb = EmbeddingSet(*clouds("clustered", n=40, v=2, d=3, seed=3))
    spec = Variant(0.3, hardening=(Exponential(0.1), Exponential(20.0)))
    expected = crossing_of(emb, spec)[1.0]
    looks.clear()
    monkeypatch.setattr(critical_beta, "_guess", lambda low, high, excess, shape: low + guess * (high - low))
    assert crossing_of(emb, spec)[1.0] == pytest.approx(expected, abs=BETA_TOLERANCE)
    assert len(looks) <= 16  # a bracket of 20, halved 15 times


def test_classes_too_far_apart_never_cross_and_no_classes_need_no_tilt():
    far = EmbeddingSet(np.repeat(np.eye(3), 4, axis=0), np.repeat(np.arange(3), 4))
    assert crossing_of(far, Variant(0.5, hardening=(Exponential(1.0),), positives="class")) == {1.0: math.inf}
    flat = EmbeddingSet(np.tile([1.0, 0.0], (6, 1)), np.repeat(np.arange(3), 2))
    assert crossing_of(flat, Variant(0.5, hardening=(Exponential(1.0),), positives="class"))[1.0] == 0.0


def test_a_crossing_at_a_tilt_already_computed():
    """Both evaluations of the same tilt may round to different signs."""
    emb = EmbeddingSet(*clouds("clustered", n=40, v=2, d=3, seed=3))
    beta = crossing_of(emb, Variant(0.3, hardening=()))[1.0]
    for nudge in (-1e-6, 0.0, 1e-6):
        found = crossing_of(emb, Variant(0.3, hardening=(Exponential(beta + nudge),)))
        assert found[1.0] == pytest.approx(beta, abs=3e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("coarse", "far"), [((0.5, 1.0, 2.0), 0.04), ((1.0, 2.0), 0.12)])
def test_the_interval_does_not_depend_on_the_tilts_between_which_it_lies(coarse: tuple[float, ...], far: float) -> None:
    """Straight lines between the tilts put the lower end too high: the true crossing was below in 11 %, not 2.5 %."""
    emb = parse_population("vmf:classes=4,dim=8,kappa=6,views=2,n=150").sample(0)
    fine = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8)
    ends = []
    for betas in (fine, coarse):
        spec = Variant(0.5, hardening=tuple(Exponential(b) for b in betas), design="iid").on(emb)
        losses = exact(emb, spec, Execution(device="cpu"))
        ends.append(crossing_interval(losses, 1.0, crossing_of(emb, spec)[1.0], 0.95))
    (low, high), (below, above) = ends
    width = high - low
    assert 0 < low < high < 1
    assert low - far * width < below < low + 0.01 * width
    assert high - 0.01 * width < above < high + far * width


def test_worst_case_is_the_limit_of_the_tilts():
    emb = EmbeddingSet(*clouds("clustered", n=20, v=2, d=4, seed=1))
    spec = Variant(0.5, hardening=(), q=(1.0, math.inf)).on(emb)
    plan = pair_plan(emb, spec, Execution(device="cpu"))
    worst = run_one(plan, worst_case_losses(emb, spec, exact(emb, spec, plan=plan).table))
    problem = problem_of(emb, spec)
    assert set(worst) == {LossKey(LOSSES[loss], CONSTANT, q) for loss in ("ucl", "scl") for q in spec.q}
    for key, values in worst.items():
        expected = literal.anchor_losses(problem, key.tilt.pool.id, literal.exponential(3e4), key.q, "augmentation")
        np.testing.assert_allclose(values.reshape(20, 2), expected, atol=1e-3)


def test_sampled_anchors_have_the_beta_star_of_the_full_run():
    emb = EmbeddingSet(*clouds("clustered", n=40, v=2, d=3, seed=3))
    spec = Variant(0.3, hardening=(Exponential(2.0),))
    whole = exact(emb, spec, Execution(device="cpu"))
    part = montecarlo(emb, spec, Execution(anchors=20, device="cpu"))
    plan = pair_plan(emb, whole.variant, Execution(device="cpu"))

    def betas_of(losses: LossTable) -> torch.Tensor:
        return run_one(plan.of(losses.table.anchors), critical_betas(plan, losses.table, [2.0]))

    some, expected = betas_of(part), betas_of(whole)[part.table.anchors]
    assert bool(expected.isfinite().any())
    np.testing.assert_allclose(some, expected, rtol=5e-3, atol=5e-3)


def test_where_a_curve_reaches_zero_is_read_off_linearly_in_what_the_tilt_leaves():
    """Along 1 / (1 + beta)."""

    def reaches(more: list[tuple[float, float]]) -> float:
        return critical_beta._reaches_zero(lambda beta: 0.0, more)

    assert reaches([(0.0, -1.0), (1.0, 1.0)]) == pytest.approx(1 / 0.75 - 1)
    assert reaches([(0.0, -3.0), (1.0, 1.0)]) == pytest.approx(1 / 0.625 - 1)
    assert reaches([(0.5, 0.0), (1.0, 1.0)]) == 0.5 and reaches([(0.0, -2.0), (1.0, -1.0)]) == math.inf
    whole = critical_beta._reaches_zero(lambda beta: beta - 2, [(0.0, 0.0), (1.0, 0.0), (4.0, 0.0)])
    assert whole == pytest.approx(2.0, abs=0.02)  # a curve of its own between the tilts
