"""Leave-one-out effects against literal deletion of every instance from the pools."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from boundcheck.embeddings import EmbeddingSet
from boundcheck.hardening import CONSTANT, Exponential, Hardening, Polynomial, Threshold, terms_for
from boundcheck.losses import Tilt
from boundcheck.pairwise.cumulants import LogSumsOf
from boundcheck.pairwise.jackknife.heavy import HEAVIEST
from boundcheck.pairwise.jackknife.leave_out import Functional, LeaveOneOut, LeaveOneOutOf
from boundcheck.pairwise.passes import ask
from boundcheck.pools import ALL, DIFF, SAME
from boundcheck.spec import Variant
from tests.oracles import literal
from tests.oracles.bridge import eta_of, plan_of, problem_of
from tests.strategies import clouds, embedding_sets

TAU = 0.4
SMALL = 2e-5  # light shares are expanded to second order: 3e-6 each, and few of these pools hold more than one
HARDENINGS = (CONSTANT, Exponential(3.0), Threshold(0.123), Polynomial(2.0))
POWERS = (CONSTANT, Exponential(0.5), Exponential(1.0), Exponential(3.0))  # these need no running maxima


def tilts_of(hardenings: tuple[Hardening, ...]) -> list[Tilt]:
    return [Tilt(pool, h) for h in hardenings for pool in (SAME, DIFF, ALL)]


TILTS = tilts_of(HARDENINGS)


def effects_of(
    emb: EmbeddingSet, spec: Variant, slope: torch.Tensor, curvature: torch.Tensor, **options: object
) -> LeaveOneOut:
    plan = plan_of(emb, spec, **options)
    table = ask(plan, LogSumsOf(terms_for(spec.hardenings)))
    functionals = [Functional(t, slope[:, f], curvature[:, f]) for f, t in enumerate(tilts_of(spec.hardenings))]
    return ask(plan, LeaveOneOutOf(table, tuple(functionals)))


def deletions(problem: literal.Problem, tilt: Tilt) -> np.ndarray:
    """(anchors, instances) rho(a) - rho(a without x); zero where x is not in the pool, NaN where x all but is the pool.

    Weights stay as they are: the data set does not change, the pool does.
    """
    eta = eta_of(tilt.hardening, problem.temperature)
    anchors = problem.anchors()
    out = np.zeros((len(anchors), problem.n))
    for row, a in enumerate(anchors):
        whole = literal.rho(problem, a, tilt.pool.id, eta)
        candidates = literal.pool(problem, a, tilt.pool.id)
        logs = {b: math.log(problem.weight(b[0])) + eta(problem.logit(a, b)) for b in candidates}
        total = literal.log_sum(logs.values())
        for x in {b[0] for b in candidates}:
            left = [b for b in candidates if b[0] != x]
            below = literal.log_sum(logs[b] for b in left)
            above = literal.log_sum(logs[b] + problem.logit(a, b) for b in left)
            left_out = min(below - total, above - total - whole)
            out[row, x] = whole - (above - below) if left_out > math.log(1 - HEAVIEST) else math.nan
    return out


@settings(max_examples=40)
@given(
    emb=embedding_sets(max_n=12),
    prior=st.sampled_from(["empirical", "balanced"]),
    rows=st.sampled_from([None, (7, 5), (3, 8), (6, 6)]),
    hardenings=st.sampled_from([HARDENINGS, POWERS]),
)
def test_row_and_column_sums_are_those_of_literal_deletion(emb, prior, rows, hardenings):
    spec = Variant(TAU, hardening=hardenings, class_prior=prior)
    tilts = tilts_of(hardenings)
    problem = problem_of(emb, spec)
    rng = np.random.default_rng(0)
    shape = (emb.n * emb.v, len(tilts))
    slope, curvature = rng.random(shape), rng.random(shape)
    effects = effects_of(emb, spec, torch.from_numpy(slope), torch.from_numpy(curvature), rows=rows)
    for f, tilt in enumerate(tilts):
        delta = deletions(problem, tilt)
        whole = ~np.isnan(delta).any(axis=1)  # pools that no single instance can empty
        delta[~whole] = 0.0
        np.testing.assert_allclose(effects.shift[tilt].numpy()[whole], delta.sum(1)[whole], atol=SMALL)
        np.testing.assert_allclose(effects.spread[tilt].numpy()[whole], (delta**2).sum(1)[whole], atol=3 * SMALL)
        if whole.all():
            effect = slope[:, [f]] * delta - curvature[:, [f]] * delta**2 / 2
            np.testing.assert_allclose(effects.influence[:, f], effect.sum(0), atol=3 * SMALL)


@pytest.mark.parametrize("rows", [(6, 6), (9, 4)])
def test_taking_every_share_whole_leaves_rounding_alone(monkeypatch, rows):
    monkeypatch.setattr("boundcheck.pairwise.jackknife.heavy.HEAVY", 1e-7)
    emb = EmbeddingSet(*clouds("clustered", n=15, v=2, d=3))
    spec = Variant(TAU, hardening=POWERS, class_prior="balanced")
    tilts = tilts_of(POWERS)
    slope = torch.from_numpy(np.random.default_rng(0).random((30, len(tilts))))
    effects = effects_of(emb, spec, slope, slope, rows=rows)
    for f, tilt in enumerate(tilts):
        delta = deletions(problem_of(emb, spec), tilt)
        effect = slope[:, [f]].numpy() * (delta - delta**2 / 2)
        np.testing.assert_allclose(effects.shift[tilt], delta.sum(1), atol=1e-8)
        np.testing.assert_allclose(effects.influence[:, f], effect.sum(0), atol=1e-8)


def test_a_pool_of_one_instance_has_no_effect_and_one_effective_instance():
    emb = EmbeddingSet(np.random.default_rng(0).standard_normal((5, 2, 3)), [0, 0, 1, 1, 2])
    ones = torch.ones(10, len(TILTS), dtype=torch.float64)
    effects = effects_of(emb, Variant(TAU, hardening=HARDENINGS), ones, ones)
    for h in (CONSTANT, Exponential(3.0)):
        pair = Tilt(SAME, h)
        assert effects.shift[pair].tolist() == pytest.approx([0.0] * 10, abs=1e-9)
        assert effects.ess[pair][:8].tolist() == pytest.approx([1.0] * 8)
        assert effects.ess[pair][8:].tolist() == [math.inf] * 2  # an empty pool rests on nothing
        assert bool(effects.influence.isfinite().all())


def test_effective_sizes_count_instances():
    emb = EmbeddingSet(*clouds("clustered", n=30, v=1, d=6))
    ones = torch.ones(30, len(TILTS), dtype=torch.float64)
    spec = Variant(TAU, hardening=HARDENINGS)
    effects, problem = effects_of(emb, spec, ones, ones), problem_of(emb, spec)
    for pool in (SAME, DIFF, ALL):
        expected = [literal.effective_size(problem, a, pool.id, 4.0) for a in problem.anchors()]
        np.testing.assert_allclose(effects.ess[Tilt(pool, Exponential(3.0))], expected, rtol=1e-9)


def test_two_equal_views_are_one_instance():
    """Doubling every view changes neither the effects of an instance nor the effective sizes."""
    z, y = clouds("clustered", n=30, v=1, d=6)
    spec = Variant(TAU, hardening=HARDENINGS)
    single = torch.ones(30, len(TILTS), dtype=torch.float64)
    once = effects_of(EmbeddingSet(z, y), spec, single, single)
    twice = effects_of(EmbeddingSet(np.repeat(z, 2, axis=1), y), spec, single.repeat(2, 1), single.repeat(2, 1))
    torch.testing.assert_close(twice.influence, 2 * once.influence)
    for tilt in TILTS:
        torch.testing.assert_close(twice.ess[tilt][::2], once.ess[tilt])
        torch.testing.assert_close(twice.shift[tilt][1::2], once.shift[tilt])


@pytest.mark.slow
@pytest.mark.parametrize("hardenings", [HARDENINGS, POWERS])
@pytest.mark.parametrize("rows", [(14, 10), (10, 10), (64, 64)])
def test_blocks_workers_and_single_precision(hardenings, rows):
    emb = EmbeddingSet(*clouds("imbalanced", n=60, v=2, d=6))
    spec = Variant(TAU, hardening=hardenings, class_prior="balanced")
    ones = torch.ones(120, 3 * len(hardenings), dtype=torch.float64)
    whole = effects_of(emb, spec, ones, ones)
    cut = effects_of(emb, spec, ones, ones, rows=rows, threads=3)
    single = effects_of(emb, spec, ones, ones, precision="float32")
    mixed = effects_of(emb, spec, ones, ones, precision="auto")
    torch.testing.assert_close(cut.influence, whole.influence, atol=1e-9, rtol=0)
    smooth = [f for f, tilt in enumerate(tilts_of(hardenings)) if not isinstance(tilt.hardening, Threshold)]
    # A pool of two instances has shares near one, whose logarithms magnify rounding.
    for rough in (single, mixed):
        torch.testing.assert_close(rough.influence[:, smooth], whole.influence[:, smooth], atol=1e-4, rtol=1e-3)
    for tilt in tilts_of(hardenings):
        torch.testing.assert_close(cut.shift[tilt], whole.shift[tilt], atol=1e-9, rtol=0)
        torch.testing.assert_close(cut.ess[tilt], whole.ess[tilt], rtol=1e-9, atol=0)


@pytest.mark.parametrize("hardenings", [HARDENINGS, POWERS])
def test_sampled_anchors_give_their_rows_and_their_part_of_the_columns(hardenings):
    emb = EmbeddingSet(*clouds("clustered", n=30, v=2, d=6))
    spec = Variant(TAU, hardening=hardenings)
    some = torch.arange(1, 60, 3)
    slope = torch.zeros(60, 3 * len(hardenings), dtype=torch.float64)
    slope[some] = torch.from_numpy(np.random.default_rng(2).random((len(some), 3 * len(hardenings))))
    whole = effects_of(emb, spec, slope, slope)
    part = effects_of(emb, spec, slope[some], slope[some], anchors=some, rows=(7, 9))
    torch.testing.assert_close(part.influence, whole.influence)
    for tilt in tilts_of(hardenings):
        torch.testing.assert_close(part.shift[tilt], whole.shift[tilt][some])


def test_large_effects_are_taken_whole_where_the_summand_is_known():
    """Softplus of rho on pools so small that an expansion in the deletions would be far off."""
    emb = EmbeddingSet(*clouds("clustered", n=15, v=2, d=3))
    spec = Variant(TAU, hardening=())
    plan = plan_of(emb, spec, rows=(7, 5))
    tilt = Tilt(DIFF, Exponential(20.0))
    table = ask(plan, LogSumsOf(terms_for([tilt.hardening])))
    rho = table.rho(DIFF, tilt.hardening)
    s = torch.sigmoid(rho)

    def effect(anchors: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.softplus(rho[anchors]) - torch.nn.functional.softplus(rho[anchors] - delta)

    effects = ask(plan, LeaveOneOutOf(table, (Functional(tilt, s, s * (1 - s), effect),)))
    delta = deletions(problem_of(emb, spec), tilt)
    assert not np.isnan(delta).any()
    rho, s = rho.numpy(), s.numpy()
    exact = np.logaddexp(0, rho[:, None]) - np.logaddexp(0, rho[:, None] - delta)
    expanded = s[:, None] * delta - (s * (1 - s))[:, None] * delta**2 / 2
    assert float(np.abs(expanded - exact).max()) > 50 * SMALL
    np.testing.assert_allclose(effects.row_sum[:, 0], exact.sum(1), atol=SMALL)
    np.testing.assert_allclose(effects.influence[:, 0], exact.sum(0), atol=SMALL)
