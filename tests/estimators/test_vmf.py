"""Closed forms of von Mises-Fisher mixtures against high precision, simulation and quadrature."""

import math

import numpy as np
import pytest
from scipy.special import logsumexp

from boundcheck.errors import InputError
from boundcheck.estimators.vmf import VmfMixture, log_bessel, log_normaliser, sample_vmf, simplex
from tests.oracles import closed_forms


@pytest.mark.parametrize("order", [0.0, 0.5, 3.0, 7.0, 31.0, 49.5, 50.0, 63.0, 255.0, 1023.0])
def test_log_bessel_to_nine_digits(order):
    x = np.array([0.1, 1.0, 7.5, 50.0, 400.0, 1e4, 1e6])
    expected = np.array([closed_forms.log_bessel(order, float(value)) for value in x])
    np.testing.assert_allclose(log_bessel(order, x), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dim", [2, 64, 128, 512, 2048])
def test_moments_at_great_concentration_and_dimension(dim):
    """log C(kappa) - log C(kappa + s) is what every loss is made of: a small difference of large numbers."""
    for kappa in (0.5, 20.0, 1e3, 1e4):
        for s in (0.5, 2.0, 22.0, 1e4):
            found = log_normaliser(dim, np.array(kappa)) - log_normaliser(dim, np.array(kappa + s))
            order = dim / 2 - 1
            high, low = (closed_forms.log_bessel(order, value) for value in (kappa + s, kappa))
            expected = high - low - order * (math.log(kappa + s) - math.log(kappa))
            assert float(found) == pytest.approx(expected, abs=2e-8)


def test_small_arguments_of_moderate_orders_do_not_underflow():
    for order, x in ((49.0, 1e-6), (30.0, 1e-9), (7.0, 1e-40)):
        expected = closed_forms.log_bessel(order, x)
        assert float(log_bessel(order, np.array(x))) == pytest.approx(expected, rel=1e-9)


def test_the_normaliser_integrates_to_one():
    """On the circle and on the sphere the integral is a quadrature in the cosine."""
    for kappa in (0.3, 5.0, 80.0):
        angle = np.linspace(0, 2 * np.pi, 20_001)
        log_density = kappa * np.cos(angle) + float(log_normaliser(2, np.array(kappa)))
        assert np.trapezoid(np.exp(log_density), angle) == pytest.approx(1, abs=1e-6)
        sphere = math.log(kappa / (4 * math.pi)) - (kappa + math.log1p(-math.exp(-2 * kappa)) - math.log(2))
        assert float(log_normaliser(3, np.array(kappa))) == pytest.approx(sphere, abs=1e-9)


@pytest.mark.parametrize(("dim", "kappa"), [(2, 3.0), (3, 0.5), (16, 20.0), (64, 5.0)])
def test_samples_are_unit_vectors_with_the_right_mean_length(dim, kappa):
    n = 40_000
    mean = np.random.default_rng(1).standard_normal(dim)
    mean /= np.linalg.norm(mean)
    points = sample_vmf(np.tile(mean, (n, 1)), kappa, np.random.default_rng(2))
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, atol=1e-12)
    along = points @ mean
    length = closed_forms.mean_resultant_length(dim, kappa)
    assert along.mean() == pytest.approx(length, abs=4 * along.std() / math.sqrt(n))
    # Var(cosine) = 1 - A^2 - (d - 1) A / kappa
    assert along.var() == pytest.approx(1 - length**2 - (dim - 1) * length / kappa, rel=0.05)
    across = points.mean(0) - along.mean() * mean
    assert np.linalg.norm(across) < 4 * math.sqrt(1 / n)


def test_cumulants_and_rho_against_simulation():
    population = VmfMixture(simplex(4, 6), 8.0)
    rng = np.random.default_rng(3)
    y = np.array([0, 1, 2, 3, 3])
    x = population.sample(y, rng)
    labels = np.arange(400_000) % 4
    points = population.sample(labels, rng)
    for gamma in (0.0, 1.0, 3.0):
        found = population.cumulants(x, y, gamma, 0.5)
        for a in range(5):
            terms = gamma * (points @ x[a]) / 0.5
            for pool, mask in (("same", labels == y[a]), ("diff", labels != y[a]), ("all", labels >= 0)):
                values = np.exp(terms[mask])
                error = values.std() / values.mean() / math.sqrt(mask.sum())
                expected = logsumexp(terms[mask]) - math.log(mask.sum())
                assert found[pool][a] == pytest.approx(expected, abs=4 * error + 1e-12)
    rho = population.rho(x, y, 2.0, 0.5)
    high, low = population.cumulants(x, y, 3.0, 0.5), population.cumulants(x, y, 2.0, 0.5)
    for pool in ("same", "diff", "all"):
        np.testing.assert_allclose(rho[pool], high[pool] - low[pool])


def test_moments_are_continuous_in_their_order():
    """Also where the order is 0 and where it is the temperature: no order is a case of its own."""
    population = VmfMixture(simplex(4, 6), 8.0)
    y = np.arange(4)
    x = population.sample(y, np.random.default_rng(3))
    for gamma in (0.0, 0.5, 1.0, 2.0):
        at, beside = (population.log_masses(x, y, gamma + step, 1.0) for step in (0.0, 1e-7))
        np.testing.assert_allclose(at, beside, atol=2e-7)


def test_components_of_their_own_share_spread_and_class():
    """Two components make class 0; priors differ; one class is a point."""
    means = simplex(4, 5)
    kappa, share = np.array([4.0, 30.0, 9.0, np.inf]), np.array([0.1, 0.3, 0.4, 0.2])
    population = VmfMixture(means, kappa, share, np.array([0, 0, 1, 2]))
    np.testing.assert_allclose(population.prior, [0.4, 0.4, 0.2])
    np.testing.assert_allclose(population.balanced().prior, [1 / 3] * 3)
    np.testing.assert_allclose(population.balanced().share, [1 / 12, 1 / 4, 1 / 3, 1 / 3])
    rng = np.random.default_rng(5)
    component = rng.choice(4, 400_000, p=share)
    points, label = population.sample(component, rng), population.labels[component]
    x, y = points[:6], label[:6]
    for gamma in (1.0, 4.0):
        found = population.log_masses(x, y, gamma, 0.5)
        for a in range(6):
            values = np.exp(gamma * (points @ x[a]) / 0.5)
            for group, mask in enumerate((label == y[a], label != y[a])):
                mean, error = (values * mask).mean(), (values * mask).std() / math.sqrt(len(values))
                assert math.exp(found[a, group]) == pytest.approx(mean, abs=4 * error)
    np.testing.assert_allclose(np.exp(population.log_masses(x, y, 0.0, 0.5)).sum(1), 1.0)


def test_many_anchors_are_interpolated_as_well_as_few_are_computed():
    population = VmfMixture(simplex(5, 64), 20.0)
    rng = np.random.default_rng(6)
    y = np.arange(6000) % 5
    x = population.sample(y, rng)
    for gamma, temperature in ((1.0, 0.5), (11.0, 0.5), (3.0, 0.1)):
        together = population.log_masses(x, y, gamma, temperature)
        apart = np.concatenate(
            [population.log_masses(x[i : i + 1], y[i : i + 1], gamma, temperature) for i in range(9)]
        )
        np.testing.assert_allclose(together[:9], apart, atol=1e-9)


def test_the_largest_logit_is_what_rho_tends_to():
    spread, points = VmfMixture(simplex(3, 4), 5.0), VmfMixture(simplex(3, 4), math.inf)
    y = np.arange(3)
    np.testing.assert_allclose(spread.largest_logits(spread.means, y, 0.5), 2.0)
    np.testing.assert_allclose(points.largest_logits(points.means, y, 0.5), [[2.0, -1.0]] * 3)
    for population in (spread, points):
        largest = population.largest_logits(population.means, y, 0.5)
        rho = population.rho(population.means, y, 1e5, 0.5)
        np.testing.assert_allclose(np.stack([rho["same"], rho["diff"]], 1), largest, atol=1e-3)


def test_great_concentration_is_neural_collapse():
    population = VmfMixture(simplex(5, 8), 1e6)
    rho = population.rho(population.means, np.arange(5), 2.0, 0.5)
    np.testing.assert_allclose(rho["same"], 2.0, atol=1e-4)
    np.testing.assert_allclose(rho["diff"], -0.5, atol=1e-4)


@pytest.mark.parametrize(("classes", "dim"), [(2, 1), (3, 2), (10, 16)])
def test_simplex_vertices(classes, dim):
    vertices = simplex(classes, dim)
    gram = vertices @ vertices.T
    np.testing.assert_allclose(gram, np.where(np.eye(classes), 1.0, -1 / (classes - 1)), atol=1e-12)
    np.testing.assert_allclose(gram, closed_forms.simplex(classes) @ closed_forms.simplex(classes).T, atol=1e-12)


def test_refuses_what_is_no_population():
    with pytest.raises(InputError, match="dim >= 4"):
        simplex(5, 3)
    with pytest.raises(InputError, match="kappa"):
        VmfMixture(np.eye(3), 0.0)
    with pytest.raises(InputError, match="probabilities"):
        VmfMixture(np.eye(3), 1.0, np.array([0.5, 0.5, 0.5]))
    with pytest.raises(InputError, match="class codes"):
        VmfMixture(np.eye(3), 1.0, None, np.array([0, 2, 2]))
    with pytest.raises(InputError, match="dim >= 2"):
        VmfMixture(np.array([[1.0], [-1.0]]), 1.0)
    with pytest.raises(InputError, match="unit vectors"):
        VmfMixture(2 * np.eye(3), 1.0)
