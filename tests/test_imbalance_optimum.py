"""The convex program of results/imbalance: its certificate, its closed cases, and the package's own bound below it."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from boundcheck.claims.floors import loss_at
from boundcheck.claims.scl_ge_unbalanced import least_exponent

Q, TEMPERATURE = 254.0, 0.5


@pytest.fixture(scope="module")
def program():
    """results/imbalance/optimum.py as a module."""
    spec = spec_from_file_location("optimum", Path(__file__).parents[1] / "results/imbalance/optimum.py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize("beta", [0.0, 0.5, 2.0])
def test_equal_classes_have_the_simplex(program, beta):
    loss, gram, _ = program.optimum(np.full(5, 0.2), beta, Q, TEMPERATURE)
    assert loss == pytest.approx(loss_at(-5 / 4 / TEMPERATURE, Q), abs=1e-9)
    np.testing.assert_allclose(gram[~np.eye(5, dtype=bool)], -1 / 4, atol=1e-4)


@pytest.mark.parametrize("ratio", [3, 20, 300])
def test_the_optimum_is_certified_and_above_the_relaxation(program, ratio):
    shares = ratio ** -np.linspace(0, 1, 6)
    shares /= shares.sum()
    loss, _, gap = program.optimum(shares, 0.0, Q, TEMPERATURE)
    assert 0 <= gap < 1e-6
    assert loss > loss_at(least_exponent(shares) / TEMPERATURE, Q)
    generator = np.random.default_rng(0)
    for _ in range(50):  # any vectors in place of the classes have a larger loss
        rows = generator.normal(size=(6, 7))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        assert program.value_and_gradient(rows @ rows.T, shares[None], 0.0, Q, TEMPERATURE)[0] > loss - gap


@pytest.mark.parametrize(("beta", "many"), [(0.0, 1), (0.5, 3), (2.0, 1)])
def test_the_gradient_is_that_of_the_value(program, beta, many):
    generator = np.random.default_rng(1)
    shares = generator.dirichlet(np.ones(4), size=many)
    rows = generator.normal(size=(4, 5))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    gram, step = rows @ rows.T, generator.normal(size=(4, 4))
    step = 1e-6 * (step + step.T)
    higher, lower = (program.value_and_gradient(g, shares, beta, Q, TEMPERATURE)[0] for g in (gram + step, gram - step))
    slope = program.value_and_gradient(gram, shares, beta, Q, TEMPERATURE)[1]
    assert (higher - lower) / 2 == pytest.approx((slope * step).sum(), rel=1e-6)


@pytest.mark.parametrize("q", [1.0, Q])
def test_small_classes_collapse_beyond_the_threshold_and_not_before(program, q):
    threshold = program.collapse_ratio(9, q, TEMPERATURE)
    for factor, collapsed in ((0.9, False), (1.1, True)):
        shares = np.r_[threshold * factor, np.ones(9)]
        _, gram, _ = program.optimum(shares / shares.sum(), 0.0, q, TEMPERATURE)
        assert (gram[1, 2] > 1 - 1e-6) == collapsed, f"cosine {gram[1, 2]} at {factor} of the threshold"


def test_free_embeddings_end_at_the_optimum(program):
    sizes = np.array([30, 8, 3])
    loss, gram, _ = program.optimum(sizes / sizes.sum(), 0.0, Q, TEMPERATURE)
    reached, measured, norm = program.free_embeddings(sizes, 0.0, Q, TEMPERATURE)
    assert reached == pytest.approx(loss, abs=1e-6) and norm == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(measured, gram, atol=1e-2)
