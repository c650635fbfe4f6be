"""Near-duplicates: copies that stand apart are found, the neighbours of a dense class are not."""

import numpy as np
import pytest

import boundcheck as bc
from boundcheck.embeddings import duplicates
from boundcheck.embeddings.duplicates import near_duplicates

SPREAD = 0.5  # half of the instances have a neighbour above a cosine of 0.98


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def dense(n: int, spread: float, seed: int = 0) -> np.ndarray:
    """Four classes, each a cloud of eight dimensions about its mean, (n, 1, 16)."""
    rng = np.random.default_rng(seed)
    means = unit(rng.standard_normal((4, 16)))
    around = rng.standard_normal((n, 8)) @ rng.standard_normal((8, 16)) / 16
    return unit(means[np.arange(n) % 4] + spread * around)[:, None]


def found(z: np.ndarray) -> list[list[int]]:
    """The members of every cluster."""
    clusters = near_duplicates(bc.EmbeddingSet(z, np.arange(len(z)) % 4))
    if clusters is None:
        return []
    return [np.flatnonzero(clusters.cluster == c).tolist() for c in np.flatnonzero(np.bincount(clusters.cluster) > 1)]


def test_neighbours_in_a_dense_class_are_no_duplicates() -> None:
    z = dense(300, SPREAD)
    cosine = z[:, 0] @ z[:, 0].T - 2 * np.eye(300)
    near = (cosine.max(1) > 0.98).mean()
    assert 0.2 < near < 0.9  # many have a neighbour as near as a near-duplicate
    assert sum(map(len, found(z))) <= 0.02 * len(z)


def test_copies_in_a_dense_class_are_found() -> None:
    z = dense(300, SPREAD)
    clusters = found(np.concatenate([z, z[:20]]))
    assert [[k, 300 + k] for k in range(20)] == [c for c in clusters if c[-1] >= 300]


def test_copies_with_noise_that_stand_apart_are_found() -> None:
    rng = np.random.default_rng(1)
    z = unit(rng.standard_normal((60, 1, 24)))
    z[50:] = unit(z[:10] + 0.01 * rng.standard_normal((10, 1, 24)))
    assert found(z) == [[k, 50 + k] for k in range(10)]


def test_classes_collapsed_onto_their_means_are_no_duplicates() -> None:
    assert found(dense(200, 0.01)) == []


def test_blocks_of_any_size_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs are met once, from the first of a block on; a chain across blocks is one cluster."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((60, 2, 8))
    z[[20, 41, 59], 1] = z[3, 0] + 1e-3 * rng.standard_normal((3, 8))
    z[55, 0] = z[41, 1] + 1e-3
    assert found(z) == [[3, 20, 41, 55, 59]]
    monkeypatch.setattr(duplicates, "_ROWS", 7)
    assert found(z) == [[3, 20, 41, 55, 59]]
