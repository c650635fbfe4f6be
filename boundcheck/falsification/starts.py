"""Where descents start, and where they may go: class sizes and rough geometry at random, the rest is the gradient's."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from boundcheck.claims import Claim
from boundcheck.claims.requirements import NON_NEGATIVE
from boundcheck.embeddings import EmbeddingSet


def about(claim: Claim, x: Tensor) -> Tensor:
    """(n, v, d) points that a claim is about: on the sphere, folded into its orthant where the claim asks for that."""
    folded = x.abs() if NON_NEGATIVE in claim.requirements else x
    return torch.nn.functional.normalize(folded, dim=2, eps=0.0)


def start(
    claim: Claim, classes: int, points: int, views: int, dim: int, restart: int, rng: np.random.Generator, equal: bool
) -> EmbeddingSet:
    """Points around centres, each centre with a spread of its own.

    Centres belong to the classes, to places that several classes share, or to every point alone, in turn. Class sizes
    are equal (but for a remainder) or uniform over all compositions: under the empirical prior a class's size is its
    weight.

    Args:
        claim: what the points are for.
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
    places = torch.from_numpy(centre[place][:, None] + spread[place][:, None, None] * noise)
    return EmbeddingSet(about(claim, places).numpy(), labels)


def _sizes(classes: int, points: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """A uniform composition of `points` into `classes` parts of at least one."""
    cuts = np.sort(rng.choice(points - 1, classes - 1, replace=False)) + 1
    return np.diff(np.concatenate([[0], cuts, [points]]))
