"""Critical hardness against root finding on the literal rho."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from boundcheck.embeddings import EmbeddingSet
from boundcheck.hardening import CONSTANT, Exponential, terms_for
from boundcheck.pairwise.critical import TOLERANCE, TiltedSums, critical_betas
from boundcheck.pairwise.cumulants import LogSumsOf
from boundcheck.pairwise.passes import ask, run_one
from boundcheck.pools import DIFF
from boundcheck.spec import Variant
from tests.oracles import literal
from tests.oracles.bridge import plan_of, problem_of
from tests.strategies import clouds, embedding_sets

GIVEN_BETAS = (1.0, 4.0)


def beta_stars(emb: EmbeddingSet, spec: Variant, anchors: torch.Tensor | None = None) -> torch.Tensor:
    plan = plan_of(emb, spec, anchors=anchors)
    table = ask(plan, LogSumsOf(terms_for([CONSTANT, *(Exponential(b) for b in GIVEN_BETAS)])))
    return run_one(plan, critical_betas(plan, table, GIVEN_BETAS))


@settings(max_examples=30)
@given(
    emb=embedding_sets(max_n=12),
    temperature=st.sampled_from([0.1, 0.5]),
    self_pairs=st.sampled_from(["exclude", "include"]),
    prior=st.sampled_from(["empirical", "balanced"]),
)
def test_the_tilt_found_meets_the_target_and_is_missing_only_where_none_does(emb, temperature, self_pairs, prior):
    spec = Variant(temperature, hardening=(), self_pairs=self_pairs, class_prior=prior)
    problem = problem_of(emb, spec)
    for a, beta in zip(problem.anchors(), beta_stars(emb, spec).tolist(), strict=True):
        target = literal.rho(problem, a, "all", literal.constant())
        largest = max(problem.logit(a, b) for b in literal.pool(problem, a, "diff"))
        assert not math.isnan(beta)
        if beta == 0:
            assert literal.rho(problem, a, "diff", literal.constant()) >= target - 2 * TOLERANCE
        elif math.isinf(beta):
            assert literal.rho(problem, a, "diff", literal.exponential(1e3)) < target + 2 * TOLERANCE
        else:
            assert largest > target
            reached = literal.rho(problem, a, "diff", literal.exponential(beta))
            assert reached == pytest.approx(target, abs=2 * TOLERANCE)


def test_equals_brentq_on_the_literal_rho():
    emb = EmbeddingSet(*clouds("clustered", n=40, v=2, d=3, seed=3))
    spec = Variant(0.3, hardening=())
    problem = problem_of(emb, spec)
    found = beta_stars(emb, spec)
    checked = 0
    for a, beta in zip(problem.anchors(), found.tolist(), strict=True):
        target = literal.rho(problem, a, "all", literal.constant())

        def excess(tilt, a=a, target=target):
            return literal.rho(problem, a, "diff", literal.exponential(tilt)) - target

        if excess(0.0) < 0 < excess(200.0):
            assert beta == pytest.approx(brentq(excess, 0.0, 200.0, xtol=1e-10), rel=1e-2)
            assert abs(excess(beta)) < 2e-5, "what critical_betas promises, and rounding"
            checked += 1
        else:
            assert beta in (0.0, math.inf)
    assert checked > 40


def test_most_anchors_need_one_run(monkeypatch):
    emb = EmbeddingSet(*clouds("random", n=300, v=2, d=16))
    betas = (0.5, 1.0, 2.0, 5.0, 10.0)
    plan = plan_of(emb, Variant(0.5, hardening=()))
    table = ask(plan, LogSumsOf(terms_for([CONSTANT, *map(Exponential, betas)])))
    seen = []
    asked = TiltedSums.kernel

    def counted(request, part):
        seen.append(len(request.rows))
        return asked(request, part)

    monkeypatch.setattr(TiltedSums, "kernel", counted)
    found = run_one(plan, critical_betas(plan, table, betas))
    assert seen[0] > 200
    assert sum(seen[1:]) < 0.1 * seen[0]
    tilted = (found > 0) & found.isfinite()
    problem = problem_of(emb, Variant(0.5, hardening=()))
    for a in tilted.nonzero()[::20, 0].tolist():
        target = literal.rho(problem, divmod(a, 2), "all", literal.constant())
        reached = literal.rho(problem, divmod(a, 2), "diff", literal.exponential(float(found[a])))
        assert reached == pytest.approx(target, abs=TOLERANCE)


def test_sampled_anchors_agree_with_all():
    emb = EmbeddingSet(*clouds("clustered", n=40, v=2, d=6, seed=3))
    spec = Variant(0.3, hardening=())
    some = torch.arange(2, 80, 7)
    torch.testing.assert_close(beta_stars(emb, spec, some), beta_stars(emb, spec)[some], atol=1e-3, rtol=1e-3)


def test_no_tilt_suffices_for_well_separated_classes_and_none_is_needed_without_classes():
    z = np.repeat(np.eye(3), 3, axis=0)
    assert bool(beta_stars(EmbeddingSet(z, np.repeat(np.arange(3), 3)), Variant(0.5, hardening=())).isinf().all())
    z = np.tile([1.0, 0.0], (6, 1))
    assert beta_stars(EmbeddingSet(z, np.repeat(np.arange(3), 2)), Variant(0.5, hardening=())).tolist() == [0.0] * 6


def test_a_single_instance_of_its_class_needs_no_tilt():
    """Without a same-class partner the pools all and diff are one."""
    emb = EmbeddingSet(np.random.default_rng(0).standard_normal((7, 3)), [0, 1, 1, 1, 2, 2, 2])
    assert float(beta_stars(emb, Variant(0.5, hardening=()))[0]) == 0.0


@pytest.mark.parametrize("rows", [(7, 9), (8, 8)])
def test_tilted_sums_give_rho_and_its_slope(rows):
    emb = EmbeddingSet(*clouds("imbalanced", n=20, v=2, d=5))
    spec = Variant(0.2, hardening=(), class_prior="balanced")
    problem = problem_of(emb, spec)
    plan = plan_of(emb, spec, rows=rows)
    anchors = torch.arange(40)
    largest = ask(plan, LogSumsOf(terms_for([CONSTANT]))).largest_logit(DIFF)
    beta = torch.linspace(0, 30, 40, dtype=torch.float64)

    def tilted(beta):
        plain, hard, plain_t, hard_t = ask(plan, TiltedSums(anchors, beta, largest))
        return (hard / plain).log() + largest, hard_t / hard - plain_t / plain

    rho, slope = tilted(beta)
    expected = [
        literal.rho(problem, a, "diff", literal.exponential(b))
        for a, b in zip(problem.anchors(), beta.tolist(), strict=True)
    ]
    np.testing.assert_allclose(rho, expected, atol=1e-9)
    step = 1e-5
    ahead, _ = tilted(beta + step)
    np.testing.assert_allclose(slope, (ahead - rho) / step, atol=1e-4)
    some = anchors[5:20:3]
    of_all = ask(plan, TiltedSums(some, beta[some], largest[some]))
    torch.testing.assert_close(ask(plan, TiltedSums(some, beta[some], largest[some], some)), of_all)
