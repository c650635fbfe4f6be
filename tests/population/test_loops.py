"""The compiled loops against long doubles, and against the same quantities without them."""

import numpy as np
import pytest
import torch
from numba import njit

import boundcheck as bc
from boundcheck import EmbeddingSet
from boundcheck.population import loops, plain_sums


@njit
def exp_of(x):
    out = np.empty_like(x)
    for i in range(len(x)):
        out[i] = loops.exp(x[i])
    return out


@njit
def log1p_of(x):
    out = np.empty_like(x)
    for i in range(len(x)):
        out[i] = loops.log1p(x[i])
    return out


@pytest.mark.parametrize(("dtype", "reach"), [(np.float32, 87.0), (np.float64, 700.0)])
def test_exponentials_are_good_to_the_last_place(dtype, reach):
    x = np.concatenate([np.linspace(-reach, reach, 200_001), np.linspace(-1e-3, 1e-3, 2_001)]).astype(dtype)
    exact = np.exp(x.astype(np.longdouble))
    assert np.max(np.abs(exp_of(x) - exact) / exact) < np.finfo(dtype).eps
    assert exp_of(np.zeros(1, dtype)) == 1


@pytest.mark.parametrize(("dtype", "largest"), [(np.float32, 38), (np.float64, 300)])
def test_softplus_is_good_to_a_few_places(dtype, largest):
    w = np.concatenate([[0.0], np.logspace(-30, largest, 100_001), np.linspace(0, 3, 10_001)]).astype(dtype)
    exact = np.log1p(w.astype(np.longdouble))
    assert np.max(np.abs(log1p_of(w) - exact) / np.maximum(exact, 1)) < 3 * np.finfo(dtype).eps
    assert log1p_of(np.zeros(1, dtype)) == 0


@pytest.mark.parametrize("views", [1, 3])
@pytest.mark.parametrize(
    "options", [{}, {"class_prior": "balanced"}, {"self_pairs": "include"}, {"estimator": "montecarlo", "anchors": 20}]
)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_without_numba_the_numbers_are_the_same(monkeypatch, views, options, precision):
    labels = np.repeat(range(4), [30, 17, 9, 2])
    rng = np.random.default_rng(views)
    emb = EmbeddingSet(rng.standard_normal((4, 1, 6))[labels] + rng.standard_normal((58, views, 6)), labels)
    arguments = dict(betas=(0.5, 1.0, 5.0), q=(0.3, 1.0, np.inf), positives="class", device="cpu", precision=precision)
    tables = []
    for found in (plain_sums.find_spec, lambda name: None):
        monkeypatch.setattr(plain_sums, "find_spec", found)
        tables.append(bc.estimate(emb, temperature=0.3, **arguments, **options))
    tolerance = 1e-10 if precision == "float64" else 2e-5
    compiled, torch_only = tables
    for key in compiled.keys:
        one, other = compiled.loss(key), torch_only.loss(key)
        for name in ("value", "plugin", "se"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=tolerance, atol=tolerance)
    for h, summary in compiled.margins.items():
        torch.testing.assert_close(
            summary.margin, torch_only.margins[h].margin, rtol=tolerance, atol=tolerance, equal_nan=True
        )
