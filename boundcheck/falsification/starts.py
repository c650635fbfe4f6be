"""Where descents start: class sizes and rough geometry at random, the rest is the gradient's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boundcheck.embeddings import EmbeddingSet


def start(
    classes: int, points: int, views: int, dim: int, restart: int, rng: np.random.Generator, equal: bool
) -> EmbeddingSet:
    """Points around centres, each centre with a spread of its own.

    Centres belong to the classes, to places that several classes share, or to every point alone, in turn. Class sizes
    are equal (but for a remainder) or uniform over all compositions: under the empirical prior a class's size is its
    weight.

    Args:
        classes, points, views, dim: C, n, v, d.
        restart: counts the starts, from 0.
        rng: what is random.
        equal: whether classes have equal sizes.
    """
    labels = np.arange(points) % classes if equal else np.repeat(np.arange(classes), _sizes(classes, points, rng))
    labels = np.sort(labels)
    place = (labels, np.arange(points) // classes, np.arange(points))[restart % 3]
    groups = int(place.max()) + 1
    centre = rng.standard_normal((groups, dim))
    centre /= np.linalg.norm(centre, axis=1, keepdims=True)
    spread = 10 ** rng.uniform(-1.5, 0.5, groups)
    noise = rng.standard_normal((points, views, dim)) / np.sqrt(dim)
    if restart % 3 == 1:
        labels = rng.permutation(labels)
    return EmbeddingSet(centre[place][:, None] + spread[place][:, None, None] * noise, labels)


def _sizes(classes: int, points: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """A uniform composition of `points` into `classes` parts of at least one."""
    cuts = np.sort(rng.choice(points - 1, classes - 1, replace=False)) + 1
    return np.diff(np.concatenate([[0], cuts, [points]]))
