"""Means of the classes: kept for the set's own embeddings, never for others in their place."""

import numpy as np
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.mean_classifier import class_means


def test_class_means_are_kept_for_the_embeddings_themselves_and_carry_gradients() -> None:
    emb = EmbeddingSet(np.random.default_rng(0).standard_normal((6, 2, 3)), [0, 0, 0, 1, 1, 1])
    own = torch.from_numpy(emb.z)
    expected = np.stack([emb.z[emb.y == c].mean((0, 1)) for c in range(2)])
    assert class_means(emb, own) is class_means(emb, own)
    np.testing.assert_allclose(class_means(emb, own), expected, atol=1e-15)
    np.testing.assert_allclose(class_means(emb, 2 * own), 2 * expected, atol=1e-15)
    first = own[:, :1]  # begins where the set's memory begins
    np.testing.assert_allclose(class_means(emb, first), [emb.z[emb.y == c, 0].mean(0) for c in range(2)], atol=1e-15)
    moved = own.requires_grad_()  # shares the memory of the set's
    class_means(emb, moved).sum().backward()
    np.testing.assert_allclose(moved.grad, np.full((6, 2, 3), 1 / 6))
