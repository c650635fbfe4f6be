import numpy as np
import pytest

from boundcheck.errors import InputError
from boundcheck.lab.papers.geometry import class_means, geometry


def frame(c: int, d: int) -> np.ndarray:
    """A simplex equiangular tight frame: c unit vectors in d dimensions with inner products -1/(c-1)."""
    corners = np.eye(c) - 1 / c
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(d, d)))[0]
    padded = np.pad(corners, ((0, 0), (0, d - c)))
    return padded / np.linalg.norm(padded, axis=1, keepdims=True) @ rotation


@pytest.mark.parametrize("c", [2, 4, 10])
def test_everything_is_zero_at_neural_collapse(c):
    y = np.arange(5 * c) % c
    found = geometry(frame(c, 12)[y], y)
    measures = [found.zero_sum, found.unit_norm, found.equal_inner_product, found.within_class]
    np.testing.assert_allclose(measures, 0, atol=1e-7)
    np.testing.assert_allclose(found.singular_values, [1] * (c - 1) + [0], atol=1e-7)
    assert found.equal_cosine == pytest.approx(0, abs=1e-7) and found.dimensions == pytest.approx(c - 1)
    np.testing.assert_allclose(found.covariance_values, [1] * (c - 1) + [0], atol=1e-7)


def test_one_point_for_all_is_dimensional_collapse():
    y = np.arange(12) % 3
    found = geometry(np.tile([0.6, 0.8], (12, 1)), y)
    assert found.zero_sum == pytest.approx(1)
    assert found.equal_inner_product == pytest.approx(1.5)
    assert (found.unit_norm, found.within_class) == (pytest.approx(0, abs=1e-12), pytest.approx(0, abs=1e-12))
    np.testing.assert_allclose(found.singular_values, [1, 0], atol=1e-12)


def test_the_measures_are_those_of_a_literal_loop():
    rng = np.random.default_rng(1)
    y = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
    z = rng.normal(size=(9, 4))
    means = [sum(z[i] for i in range(9) if y[i] == c) / list(y).count(c) for c in range(3)]
    pairs = [abs(means[a] @ means[b] + 0.5) for a in range(3) for b in range(3) if a != b]
    spread = [np.mean([np.linalg.norm(z[i] - means[c]) for i in range(9) if y[i] == c]) for c in range(3)]
    found = geometry(z, y)
    assert found.zero_sum == pytest.approx(np.linalg.norm(sum(means)) / 3)
    norms = [np.linalg.norm(mean) for mean in means]
    cosines = [abs(means[a] @ means[b] / norms[a] / norms[b] + 0.5) for a in range(3) for b in range(3) if a != b]
    assert found.equal_cosine == pytest.approx(np.mean(cosines))
    spectrum = np.linalg.eigvalsh(np.cov(np.array(means).T))[::-1]  # (4,), of which two are not zero
    np.testing.assert_allclose(found.covariance_values, spectrum[:3] / spectrum[0], atol=1e-12)
    assert found.dimensions == pytest.approx(spectrum.sum() ** 2 / np.square(spectrum).sum())
    assert found.unit_norm == pytest.approx(np.mean([abs(np.linalg.norm(mean) - 1) for mean in means]))
    assert found.equal_inner_product == pytest.approx(np.mean(pairs))
    assert found.within_class == pytest.approx(np.mean(spread))
    values = np.sqrt(np.linalg.eigvalsh(np.array(means) @ np.array(means).T)[::-1])
    np.testing.assert_allclose(found.singular_values, values / values[0])


@pytest.mark.parametrize("y", [[0, 0, 0], [0, 2, 2]])
def test_every_class_needs_an_instance(y):
    with pytest.raises(InputError, match="counts"):
        class_means(np.ones((3, 2)), np.array(y))
