"""The compiled loops against long doubles, and against the same quantities without them."""

import numpy as np
import pytest
import torch
from numba import njit

import boundcheck as bc
from boundcheck import EmbeddingSet
from boundcheck.hardening import LogTerm
from boundcheck.pairwise import loops, plain_sums, powers


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


@pytest.mark.slow
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


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("mirrored", [False, True])
def test_effects_of_a_tile_against_their_definition(views, masked, mirrored):
    rng = np.random.default_rng(views)
    a, b, n = 7 * views, 11 * views, 30 * views  # seven instances, a block of four and a rest
    row_at, column_at = 3 * views, 17 * views
    t = rng.uniform(-1, 1, (a, b))
    keep = np.ones((a, b), bool)
    if masked:
        keep = np.tile(rng.random((7, 11)) < 0.7, (views, views))
    drop = ~keep if masked else np.empty((a, 0), bool)
    terms = tuple(LogTerm(gamma) for gamma in (0.0, 1.0, 2.0, 3.0))
    order = powers.steps(terms, powers.chain(terms, torch.float64), torch.float64)
    pairs = np.array([[1, 0, 0, 1], [3, 2, 1, 4]])
    weight, scale, factors = rng.random(n // views), rng.random((4, n)), rng.standard_normal((4, 5, n))
    which, squares, effects = np.array([5, 0, 2, 4]), np.ones((2, 3, n)), np.ones((6, n // views))
    squares_wanted, effects_wanted = squares.copy(), effects.copy()
    sides = [(t * 1.0, keep, row_at, column_at)] + mirrored * [(t.T, keep.T, column_at, row_at)]
    for logits, kept, anchors_at, candidates_at in sides:
        powers_of = [np.where(kept, np.exp(term.gamma * logits), 0) for term in terms]
        for i in range(len(logits)):
            at, m = anchors_at + i, logits.shape[1] // views
            for h, (of_x, of_y, first, last) in enumerate(pairs):
                for j in range(m):
                    instance = candidates_at // views + j
                    x, y = (scale[k, at] * weight[instance] * powers_of[k][i, j::m].sum() for k in (of_x, of_y))
                    squares_wanted[h, :, at] += x * x, x * y, y * y
                    for c in range(first, last):
                        effects_wanted[which[c], instance] += factors[c, :, at] @ (x, y, x * x, x * y, y * y)
    arguments = (row_at, column_at, views, mirrored, weight, scale, pairs, factors, which)
    loops.effect_sums(t, drop, order, *arguments, squares, effects)
    np.testing.assert_allclose(squares, squares_wanted, rtol=1e-12)
    np.testing.assert_allclose(effects, effects_wanted, rtol=1e-10)


@pytest.mark.parametrize("views", [1, 3])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("mirrored", [False, True])
def test_logits_that_reach_their_anchors_least_are_listed_once(views, masked, mirrored):
    rng = np.random.default_rng(views)
    a, b = 5 * views, 9 * views
    t = rng.uniform(-1, 1, (a, b))
    keep = np.tile(rng.random((5, 9)) < 0.6, (views, views)) if masked else np.ones((a, b), bool)
    least = rng.uniform(-1, 2, a + b)
    least[[1, a + 2]] = np.inf
    found = np.empty((2, a * b, 2), np.int64)
    drop = ~keep if masked else np.empty((a, 0), bool)
    counts = loops.reached(t, drop, 0, a, views, mirrored, least, found)
    of_rows = (keep & (t >= least[:a, None])).reshape(a, views, -1).any(1)
    of_columns = (keep & (t >= least[None, a:])).reshape(views, -1, b).any(0) & mirrored
    for side, (count, wanted) in enumerate(zip(counts, (of_rows, of_columns), strict=True)):
        assert sorted(map(tuple, found[side, :count])) == [tuple(pair) for pair in np.argwhere(wanted)]
