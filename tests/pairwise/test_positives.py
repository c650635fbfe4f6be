"""Means over positives and their derivatives against literal loops and finite differences."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from boundcheck.embeddings import EmbeddingSet
from boundcheck.pairwise.passes import ask
from boundcheck.pairwise.positives import ClassMeansOf, PositiveMeans, augmentation_means
from boundcheck.spec import Variant
from tests.oracles import literal
from tests.oracles.bridge import plan_of, problem_of
from tests.strategies import clouds, embedding_sets

TAU = 0.4
QS = (0.3, 1.0, 50.0, math.inf)


def means_of(
    emb: EmbeddingSet, spec: Variant, rho: torch.Tensor, weights: torch.Tensor, **options: object
) -> PositiveMeans:
    anchors = options.get("anchors", torch.arange(emb.n * emb.v))
    if spec.positives == "augmentation":
        return augmentation_means(torch.from_numpy(emb.z), anchors, rho, QS, spec.temperature)
    return ask(plan_of(emb, spec, **options), ClassMeansOf(anchors, rho, QS, weights, steepness=1.0))


def some_rho(emb: EmbeddingSet) -> tuple[torch.Tensor, torch.Tensor]:
    """(rho, weights): arbitrary values, weight zero for anchors of classes with a single view."""
    rng = np.random.default_rng(0)
    rho = torch.from_numpy(rng.standard_normal((emb.n * emb.v, len(QS))))
    partners = torch.from_numpy(emb.class_counts[emb.y] * emb.v > 1).repeat_interleave(emb.v)
    return rho, torch.from_numpy(rng.random(rho.shape)) * partners[:, None]


@settings(max_examples=25)
@given(
    emb=embedding_sets(max_n=12),
    mode=st.sampled_from(["augmentation", "class"]),
    self_pairs=st.sampled_from(["exclude", "include"]),
    rows=st.sampled_from([None, (7, 5)]),
)
def test_values_and_influences_follow_the_definition(emb, mode, self_pairs, rows):
    if mode == "augmentation" and emb.v == 1:
        return
    spec = Variant(TAU, hardening=(), positives=mode, self_pairs=self_pairs)
    problem = problem_of(emb, spec)
    rho, weights = some_rho(emb)
    means = means_of(emb, spec, rho, weights, rows=rows)
    influence = np.zeros((emb.n, len(QS)))
    for row, a in enumerate(problem.anchors()):
        partners = literal.positives(problem, a, mode)
        for f, q in enumerate(QS):
            if weights[row, f] == 0:
                assert math.isnan(means.value[row, f])
                continue
            terms = [literal.loss_term(q, float(rho[row, f]), problem.logit(a, p)) for p in partners]
            mean = math.fsum(terms) / len(terms)
            assert float(means.value[row, f]) == pytest.approx(mean, abs=1e-9)
            for p, term in zip(partners, terms, strict=True):
                if p[0] != a[0]:
                    influence[p[0], f] += float(weights[row, f]) * (term - mean) / len(terms)
    np.testing.assert_allclose(means.influence, influence, atol=1e-9)
    if mode == "class":
        plan, anchors = plan_of(emb, spec, rows=rows), torch.arange(emb.n * emb.v)
        alone = ask(plan, ClassMeansOf(anchors, rho, QS, weights, steepness=1.0, derivatives=False))
        torch.testing.assert_close(alone.value, means.value, atol=1e-9, rtol=1e-12, equal_nan=True)


@pytest.mark.parametrize("mode", ["augmentation", "class"])
def test_slope_and_curvature_are_derivatives_in_rho(mode):
    emb = EmbeddingSet(*clouds("clustered", n=20, v=2, d=5))
    spec = Variant(TAU, hardening=(), positives=mode)
    rho, weights = some_rho(emb)
    h = 1e-3
    low, mid, high = (means_of(emb, spec, rho + step, weights) for step in (-h, 0.0, h))
    torch.testing.assert_close(mid.slope, (high.value - low.value) / (2 * h), atol=1e-6, rtol=0)
    torch.testing.assert_close(mid.curvature, (high.value - 2 * mid.value + low.value) / h**2, atol=1e-6, rtol=0)


@pytest.mark.parametrize("mode", ["augmentation", "class"])
def test_sampled_anchors_are_rows_and_undefined_rho_is_undefined_loss(mode):
    emb = EmbeddingSet(*clouds("clustered", n=20, v=2, d=5))
    spec = Variant(TAU, hardening=(), positives=mode)
    rho, weights = some_rho(emb)
    rho[4], weights[4] = math.nan, 0.0
    some = torch.tensor([1, 4, 10, 33])
    whole = means_of(emb, spec, rho, weights)
    part = means_of(emb, spec, rho[some], weights[some], anchors=some)
    for name in ("value", "slope", "curvature"):
        torch.testing.assert_close(getattr(part, name), getattr(whole, name)[some], equal_nan=True)
    assert bool(part.value[1].isnan().all())
    assert bool(part.value[[0, 2, 3]].isfinite().all())
    assert bool(part.influence.isfinite().all())


def test_extreme_losses_stay_finite():
    emb = EmbeddingSet(np.array([[[1.0, 0.0]] * 2, [[-1.0, 0.0]] * 2]), [0, 1])
    rho = torch.full((4, len(QS)), 1000.0, dtype=torch.float64)
    for mode in ("augmentation", "class"):
        means = means_of(emb, Variant(0.001, hardening=(), positives=mode), rho, torch.ones_like(rho))
        assert means.value[:, 1].tolist() == pytest.approx([math.log(2)] * 4)
        assert means.value[:, 3].tolist() == pytest.approx([0.0] * 4)
