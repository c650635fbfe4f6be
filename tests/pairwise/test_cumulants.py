"""The table of log-sums against literal loops, and what it must not depend on."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from boundcheck.embeddings import EmbeddingSet
from boundcheck.hardening import CONSTANT, Exponential, Polynomial, Threshold, denominator, numerator, terms_for
from boundcheck.pairwise.cumulants import CumulantTable, LogSumsOf
from boundcheck.pairwise.passes import ask
from boundcheck.pairwise.plan import plan_pairs
from boundcheck.pools import ALL, DIFF, SAME
from boundcheck.spec import Variant
from tests.oracles import literal
from tests.oracles.bridge import eta_of, plan_of, problem_of, weight_scale
from tests.strategies import clouds, embedding_sets

HARDENINGS = (CONSTANT, Exponential(1.0), Exponential(30.0), Threshold(0.3), Polynomial(2.0))
POWERS = (CONSTANT, Exponential(0.5), Exponential(1.0), Exponential(5.0))  # in range: no running maxima
TERMS = terms_for(HARDENINGS)


def table_of(emb: EmbeddingSet, spec: Variant, **options: object) -> CumulantTable:
    return ask(plan_of(emb, spec, **options), LogSumsOf(terms_for(spec.hardenings)))


@settings(max_examples=40)
@given(
    emb=embedding_sets(max_n=12),
    temperature=st.sampled_from([0.05, 0.5, 1.0]),
    self_pairs=st.sampled_from(["exclude", "include"]),
    prior=st.sampled_from(["empirical", "balanced"]),
    rows=st.sampled_from([None, (7, 5), (1, 1), (6, 6), (4, 100)]),
    chosen=st.sampled_from([HARDENINGS, POWERS]),
)
def test_log_sums_and_rho_follow_the_definition(emb, temperature, self_pairs, prior, rows, chosen):
    # A cosine on the threshold may fall on either side of it.
    cosines = np.einsum("ivd,jud->ivju", emb.z, emb.z)
    hardenings = [h for h in chosen if not (isinstance(h, Threshold) and np.isclose(cosines, h.cosine).any())]
    spec = Variant(temperature, hardening=tuple(hardenings), self_pairs=self_pairs, class_prior=prior)
    problem, table = problem_of(emb, spec), table_of(emb, spec, rows=rows)
    scale = weight_scale(problem)
    assert table.anchors.tolist() == list(range(emb.n * emb.v))
    for pool in (SAME, DIFF, ALL):
        top = [
            max((problem.logit(a, b) for b in literal.pool(problem, a, pool.id)), default=-math.inf)
            for a in problem.anchors()
        ]
        np.testing.assert_allclose(table.largest_logit(pool), top, atol=1e-9)
        for h in hardenings:
            eta = eta_of(h, temperature)
            below = [literal.log_sum_pool(problem, a, pool.id, eta) + scale for a in problem.anchors()]
            above = [
                literal.log_sum_pool(problem, a, pool.id, lambda t, e=eta: e(t) + t) + scale for a in problem.anchors()
            ]
            np.testing.assert_allclose(table.log_sum(pool, denominator(h)), below, atol=1e-9)
            np.testing.assert_allclose(table.log_sum(pool, numerator(h)), above, atol=1e-9)
            rho = [literal.rho(problem, a, pool.id, eta) for a in problem.anchors()]
            np.testing.assert_allclose(table.rho(pool, h), rho, atol=1e-9)


@pytest.fixture(scope="module")
def crowd() -> EmbeddingSet:
    return EmbeddingSet(*clouds("imbalanced", n=45, v=2, d=8))


@pytest.mark.slow
@pytest.mark.parametrize("hardenings", [HARDENINGS, POWERS])
@pytest.mark.parametrize("rows", [(7, 5), (2, 6), (64, 2), (12, 12), (500, 500)])
def test_blocks_and_workers_change_nothing(crowd, rows, hardenings):
    spec = Variant(0.1, hardening=hardenings, class_prior="balanced")
    expected, cut = table_of(crowd, spec), table_of(crowd, spec, rows=rows, threads=3)
    torch.testing.assert_close(cut.log_sums, expected.log_sums, atol=1e-10, rtol=0)
    torch.testing.assert_close(cut.largest, expected.largest, atol=1e-12, rtol=0)


@pytest.mark.parametrize("sizes", [[1] * 40, [2] * 20, [20, 20, 20], [1, 39]])
def test_chunks_of_one_class_and_of_many(sizes):
    rng = np.random.default_rng(1)
    y = np.repeat(np.arange(len(sizes)), sizes)
    emb = EmbeddingSet(rng.standard_normal((len(y), 2, 4)), y)
    spec = Variant(0.5, hardening=HARDENINGS)
    small, whole = table_of(emb, spec, rows=(40, 40)), table_of(emb, spec, rows=(1000, 1000))
    torch.testing.assert_close(small.log_sums, whole.log_sums, atol=1e-10, rtol=0)
    problem = problem_of(emb, spec)
    expected = [literal.rho(problem, a, "same", literal.exponential(1.0)) for a in problem.anchors()]
    np.testing.assert_allclose(small.rho(SAME, Exponential(1.0)), expected, atol=1e-9)


def test_rotation_changes_nothing(crowd):
    spec = Variant(0.2, hardening=HARDENINGS)
    rotation = np.linalg.qr(np.random.default_rng(3).standard_normal((crowd.d, crowd.d)))[0]
    turned = EmbeddingSet(crowd.z @ rotation, crowd.y)
    torch.testing.assert_close(table_of(turned, spec).log_sums, table_of(crowd, spec).log_sums, atol=1e-9, rtol=0)


def test_permuting_instances_and_renaming_classes_permutes_rows(crowd):
    spec = Variant(0.2, hardening=HARDENINGS, class_prior="balanced")
    rng = np.random.default_rng(4)
    order, names = rng.permutation(crowd.n), rng.permutation(crowd.c)
    shuffled = EmbeddingSet(crowd.z[order], names[crowd.y[order]])
    expected = table_of(crowd, spec).log_sums.view(crowd.n, crowd.v, 2, -1)[order]
    found = table_of(shuffled, spec).log_sums.view(crowd.n, crowd.v, 2, -1)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)


@pytest.mark.parametrize("rows", [None, (5, 7)])
def test_sampled_anchors_are_rows_of_the_full_table(crowd, rows):
    spec = Variant(0.2, hardening=HARDENINGS, class_prior="balanced")
    some = torch.from_numpy(np.sort(np.random.default_rng(5).choice(crowd.n * crowd.v, 31, replace=False)))
    full, part = table_of(crowd, spec), table_of(crowd, spec, anchors=some, rows=rows)
    assert part.anchors.equal(some)
    torch.testing.assert_close(part.log_sums, full.log_sums[some], atol=1e-10, rtol=0)
    torch.testing.assert_close(part.largest, full.largest[some], atol=1e-12, rtol=0)


def test_empty_pools_are_minus_infinity_and_nothing_else_is_undefined():
    y = np.array([0, 0, 0, 1, 2, 2])
    emb = EmbeddingSet(np.random.default_rng(6).standard_normal((6, 2, 3)), y)
    table = table_of(emb, Variant(0.5, hardening=HARDENINGS), rows=(3, 4))
    alone = torch.from_numpy(y == 1).repeat_interleave(2)
    assert bool((table.log_sums[alone, 0] == -math.inf).all())
    assert bool((table.largest[alone, 0] == -math.inf).all())
    for h in (CONSTANT, Exponential(1.0), Exponential(30.0), Polynomial(2.0)):
        assert table.margin(h).isnan().equal(alone)
        assert table.rho(SAME, h).isnan().equal(alone)
        assert bool(table.rho(DIFF, h).isfinite().all())
        assert bool(table.rho(ALL, h).isfinite().all())


def test_a_threshold_above_every_logit_is_undefined_not_zero():
    emb = EmbeddingSet(np.repeat(np.eye(3), 2, axis=0), np.repeat(np.arange(3), 2))
    table = table_of(emb, Variant(0.5, hardening=HARDENINGS))
    assert bool(table.rho(DIFF, Threshold(0.3)).isnan().all())
    np.testing.assert_allclose(table.rho(SAME, Threshold(0.3)), 2.0, atol=1e-12)
    np.testing.assert_allclose(table.rho(ALL, Threshold(0.3)), 2.0, atol=1e-12)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("temperature", [0.07, 0.3, 0.5])
def test_a_logit_on_the_threshold_counts_whole_or_not_at_all(temperature, precision):
    """Rounding may put a duplicate on either side of threshold 1, but then in numerator and denominator alike."""
    rng = np.random.default_rng(0)
    emb = EmbeddingSet(np.repeat(rng.standard_normal((20, 5)), 2, axis=0), np.repeat(np.arange(20) % 2, 2))
    plan = plan_of(emb, Variant(temperature, hardening=()), precision=precision, rows=(9, 7))
    rho = ask(plan, LogSumsOf(terms_for([Threshold(1.0)]))).rho(SAME, Threshold(1.0))
    held = rho[~rho.isnan()]
    assert len(held) > 0
    np.testing.assert_allclose(held, 1 / temperature, rtol=1e-5)


def test_running_maxima_and_plain_sums_agree(crowd, monkeypatch):
    plan = plan_of(crowd, Variant(0.2, hardening=()), rows=(12, 12), threads=2)
    terms = terms_for(POWERS)
    assert LogSumsOf(terms).mirrors(plan)
    plain = ask(plan, LogSumsOf(terms))
    monkeypatch.setattr(LogSumsOf, "mirrors", lambda *_: False)
    running = ask(plan, LogSumsOf(terms))
    torch.testing.assert_close(running.log_sums, plain.log_sums, atol=1e-10, rtol=0)
    torch.testing.assert_close(running.largest, plain.largest, atol=1e-10, rtol=0)


def test_large_logits_neither_overflow_nor_vanish():
    emb = EmbeddingSet(np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]]), np.array([0, 0, 1, 1]))
    table = ask(plan_of(emb, Variant(0.01, hardening=()), rows=(3, 3)), LogSumsOf(terms_for([Exponential(100.0)])))
    np.testing.assert_allclose(table.log_sum(SAME, numerator(Exponential(100.0))), 10_100.0, atol=1e-8)
    np.testing.assert_allclose(table.log_sum(DIFF, numerator(Exponential(100.0))), math.log(2) - 10_100.0, atol=1e-8)
    np.testing.assert_allclose(table.log_sum(ALL, numerator(Exponential(100.0))), 10_100.0, atol=1e-8)


def test_a_pass_leaves_the_callers_threads_alone(crowd):
    before = torch.get_num_threads()
    torch.set_flush_denormal(False)
    table_of(crowd, Variant(0.5, hardening=HARDENINGS), threads=2)
    assert torch.get_num_threads() == before
    assert float(torch.tensor(1e-310, dtype=torch.float64) * 0.5) > 0  # denormals still alive here


def test_progress_counts_every_anchor_once(crowd):
    seen: list[tuple[int, int, str]] = []
    spec = Variant(0.5, hardening=HARDENINGS)
    ask(plan_of(crowd, spec, rows=(20, 20)), LogSumsOf(TERMS), lambda *state: seen.append(state))
    assert seen[-1] == (90, 90, "anchors")
    assert [done for done, _, _ in seen] == sorted({done for done, _, _ in seen})


def test_weights_are_multiplicities():
    """An integer weight is that many copies, none of them a negative of another."""
    rng = np.random.default_rng(8)
    z, y = rng.standard_normal((9, 1, 3)), np.arange(9) % 3
    emb = EmbeddingSet(z, y)
    copies = np.array([1, 2, 3, 1, 1, 2, 1, 4, 1])
    plan = plan_pairs(
        torch.from_numpy(emb.z), torch.from_numpy(emb.y), temperature=0.5, weights=torch.from_numpy(copies).double()
    )
    problem = literal.Problem(emb.z, emb.y, 0.5, copies=tuple(copies.tolist()))
    table = ask(plan, LogSumsOf(TERMS))
    for pool in (SAME, DIFF, ALL):
        expected = [literal.rho(problem, a, pool.id, literal.exponential(30.0)) for a in problem.anchors()]
        np.testing.assert_allclose(table.rho(pool, Exponential(30.0)), expected, atol=1e-9)
